/*
 * melu's functions as Go calls them: strings and options in pieces, since a struct that
 * holds a Go pointer would have to be pinned.
 */
#ifndef MELU_GO_NATIVE_H
#define MELU_GO_NATIVE_H

#include <melu.h>
#include <stdint.h>

static inline melu_status go_model_open(const char *path, size_t path_len,
                                        const melu_open_options *options, melu_model **model,
                                        melu_error *error) {
  melu_str text = {path, path_len};
  return melu_model_open(text, options, model, error);
}

static inline melu_status go_catalog_find(const melu_catalog *catalog, const char *id,
                                          size_t id_len, uint32_t *item, melu_error *error) {
  melu_str text = {id, id_len};
  return melu_catalog_find(catalog, text, item, error);
}

/* The options come without their lists. */
static inline melu_status go_user_recommend(melu_user *user, melu_recommend_options options,
                                            const uint32_t *leave_out, const uint32_t *among,
                                            melu_recommendation *best, size_t best_capacity,
                                            size_t *best_len, melu_error *error) {
  options.leave_out = leave_out;
  options.among = among;
  return melu_user_recommend(user, &options, best, best_capacity, best_len, error);
}

/* Go's: asks the filter that a handle of runtime/cgo stands for. */
extern int32_t meluGoFilter(uint32_t item, uintptr_t filter);

static inline int32_t go_filter(uint32_t item, void *context) {
  return meluGoFilter(item, (uintptr_t)context);
}

/* The same with a filter of Go's: it calls back, so it is another function to cgo. */
static inline melu_status go_user_recommend_filtered(
    melu_user *user, melu_recommend_options options, const uint32_t *leave_out,
    const uint32_t *among, uintptr_t filter, melu_recommendation *best, size_t best_capacity,
    size_t *best_len, melu_error *error) {
  options.filter = go_filter;
  options.filter_context = (void *)filter;
  return go_user_recommend(user, options, leave_out, among, best, best_capacity, best_len,
                           error);
}

static inline melu_status go_user_next_question(
    melu_user *user, melu_questions *questions, const uint32_t *unknown, size_t unknown_len,
    const uint32_t *leave_out, size_t leave_out_len, const uint32_t *known, size_t known_len,
    melu_question *question, melu_error *error) {
  melu_question_options options = {sizeof options, unknown, unknown_len, leave_out,
                                   leave_out_len,  known,   known_len};
  return melu_user_next_question(user, questions, &options, question, error);
}

static inline melu_status go_recommend_batch(melu_user *const *users, size_t users_len,
                                             const size_t *offsets, const uint32_t *items,
                                             const float *ratings, size_t ratings_len,
                                             melu_recommend_options options,
                                             const uint32_t *leave_out, const uint32_t *among,
                                             melu_recommendation *best, size_t best_capacity,
                                             size_t *best_lens, melu_error *error) {
  options.leave_out = leave_out;
  options.among = among;
  return melu_recommend_batch(users, users_len, offsets, items, ratings, ratings_len, &options,
                              best, best_capacity, best_lens, error);
}

static inline melu_status go_recommend_batch_filtered(
    melu_user *const *users, size_t users_len, const size_t *offsets, const uint32_t *items,
    const float *ratings, size_t ratings_len, melu_recommend_options options,
    const uint32_t *leave_out, const uint32_t *among, uintptr_t filter,
    melu_recommendation *best, size_t best_capacity, size_t *best_lens, melu_error *error) {
  options.filter = go_filter;
  options.filter_context = (void *)filter;
  return go_recommend_batch(users, users_len, offsets, items, ratings, ratings_len, options,
                            leave_out, among, best, best_capacity, best_lens, error);
}

#endif /* MELU_GO_NATIVE_H */
