/*
 * The numbers of tests/golden/everywhere.json, by the C ABI, on whatever processor and system
 * runs this. Started in the project's folder; golden.h is what cases.py prints.
 */
#include <math.h>
#include <melu.h>
#include <stdio.h>
#include <stdlib.h>

struct user {
  const char *model;
  size_t items;
  const melu_value *profile;
  size_t profile_len;
  const uint32_t *rated;
  size_t rated_len;
  const float *ratings;
  size_t ratings_len;
  const uint32_t *unknown;
  size_t unknown_len;
  size_t count;
  melu_recommend_options options;
  const float *scores;
  size_t scores_len;
  const float *predicted;
  size_t predicted_len;
  const float *deviations;
  size_t deviations_len;
  const float *vector;
  size_t vector_len;
  const melu_recommendation *best;
  size_t best_len;
  int asked;
  melu_question question;
  const uint8_t *saved;
  size_t saved_len;
};

static int32_t even(uint32_t item, void *context) {
  (void)context;
  return item % 2 == 0;
}

#include "golden.h"

enum { MOST = 64 };

static int compared, wrong;

static void number(const char *what, size_t place, double found, double expected) {
  compared++;
  if (isnan(found) && isnan(expected)) return;
  if (!(fabs(found - expected) <= TOLERANCE * (1.0 + fabs(expected)))) {
    printf("%s %lu: %.9g, not %.9g\n", what, (unsigned long)place, found, expected);
    wrong++;
  }
}

static void numbers(const char *what, const float *found, const float *expected, size_t len) {
  for (size_t place = 0; place < len; place++) number(what, place, found[place], expected[place]);
}

static void check(const melu_error *error) {
  if (error->status != MELU_STATUS_OK) {
    printf("%s\n", error->message);
    exit(EXIT_FAILURE);
  }
}

static void compare(const struct user *given, const melu_user *user, melu_questions *questions) {
  melu_error error;
  float found[MOST], deviations[MOST];
  size_t len;
  melu_user_score(user, NULL, MELU_ALL_ITEMS, found, MOST, &len, &error);
  check(&error);
  number("scores", 0, (double)len, (double)given->scores_len);
  numbers("score", found, given->scores, given->scores_len);

  if (given->predicted) {
    melu_user_predict(user, NULL, MELU_ALL_ITEMS, found, given->deviations ? deviations : NULL,
                      MOST, &len, &error);
    check(&error);
    numbers("rating", found, given->predicted, given->predicted_len);
    numbers("deviation", deviations, given->deviations, given->deviations_len);
  }
  if (given->vector) {
    melu_user_vector(user, found, MOST, &len, &error);
    check(&error);
    number("width", 0, (double)len, (double)given->vector_len);
    numbers("vector", found, given->vector, given->vector_len);
  }

  melu_recommend_options options = given->options;
  for (options.threads = 1; options.threads <= 4; options.threads += 3) {
    melu_recommendation best[MOST];
    melu_user_recommend(user, &options, best, given->count, &len, &error);
    check(&error);
    number("recommendations", 0, (double)len, (double)given->best_len);
    for (size_t place = 0; place < len && place < given->best_len; place++) {
      number("item", place, best[place].item, given->best[place].item);
      number("its score", place, best[place].score, given->best[place].score);
      number("its rating", place, best[place].rating, given->best[place].rating);
      number("its deviation", place, best[place].deviation, given->best[place].deviation);
    }
  }

  melu_question_options asking = {.struct_size = sizeof asking,
                                  .unknown = given->unknown,
                                  .unknown_len = given->unknown_len};
  melu_question question;
  melu_status status = melu_user_next_question(user, questions, &asking, &question, &error);
  if (!given->asked) {
    number("no question", 0, status, MELU_STATUS_NOT_FOUND);
    return;
  }
  check(&error);
  number("question", 0, question.item, given->question.item);
  number("known", 0, question.known, given->question.known);
  number("reduction", 0, question.reduction, given->question.reduction);
}

static void run(const struct user *given) {
  melu_error error;
  melu_model *model;
  melu_catalog *catalog;
  melu_questions *questions;
  melu_user *user, *loaded;
  melu_model_open(melu_str_of(given->model), NULL, &model, &error);
  check(&error);
  melu_model_catalog(model, &catalog, &error);
  check(&error);
  melu_model_free(model);
  number("items", 0, (double)melu_catalog_len(catalog), (double)given->items);
  melu_questions_new(catalog, &questions, &error);
  check(&error);
  melu_user_new(catalog, given->profile, given->profile_len, &user, NULL, &error);
  check(&error);
  melu_user_adapt(user, given->rated, given->ratings, given->rated_len, &error);
  check(&error);
  compare(given, user, questions);

  /* A user that was saved elsewhere. */
  melu_load_report report = {sizeof report, 0, 0, 0};
  melu_user_load(catalog, given->saved, given->saved_len, &loaded, &report, &error);
  check(&error);
  number("adapted anew", 0, report.adapted_anew, 0);
  compare(given, loaded, questions);

  melu_user_free(loaded);
  melu_user_free(user);
  melu_questions_free(questions);
  melu_catalog_free(catalog);
}

int main(void) {
  melu_error error;
  melu_model *model;
  melu_status status = melu_model_open(melu_str_of("no/such.melu"), NULL, &model, &error);
  number("status without a file", 0, status, MELU_STATUS_IO);
  for (size_t place = 0; place < sizeof USERS / sizeof *USERS; place++) {
    int before = wrong;
    run(&USERS[place]);
    if (wrong > before) printf("this was user %lu\n", (unsigned long)place);
  }
  melu_str kernels = melu_kernel_name();
  printf("%.*s: %d numbers of %d are right\n", (int)kernels.len, kernels.data, compared - wrong,
         compared);
  return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
