/*
 * As an app does it, without files: the model is an asset in memory, used where it
 * lies, and the user is kept as bytes while the app sleeps.
 *
 *     mobile < MODEL
 */
#include <melu.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 1 << 20, QUESTIONS = 2, BEST = 3 };

static void check(const melu_error *error) {
  if (error->status != MELU_STATUS_OK) {
    fprintf(stderr, "mobile: %s\n", error->message);
    exit(EXIT_FAILURE);
  }
}

static void unload(void *asset) {
  free(asset);
  printf("the asset is given back\n");
}

/* The user as bytes, for the app's storage. */
static uint8_t *save(const melu_user *user, size_t *len) {
  melu_error error;
  melu_user_save(user, NULL, 0, len, NULL); /* only to know how many bytes */
  uint8_t *bytes = malloc(*len);
  if (!bytes) abort();
  melu_user_save(user, bytes, *len, len, &error);
  check(&error);
  return bytes;
}

int main(void) {
  void *asset = malloc(MOST);
  if (!asset) return EXIT_FAILURE;
  size_t asset_len = fread(asset, 1, MOST, stdin);

  melu_error error;
  melu_open_options options = {.struct_size = sizeof options,
                               .borrow = 1,
                               .release = unload,
                               .context = asset};
  melu_model *model;
  melu_model_open_bytes(asset, asset_len, &options, &model, &error);
  check(&error);
  melu_catalog *catalog;
  melu_model_catalog(model, &catalog, &error);
  check(&error);
  melu_user *user;
  melu_user_new(catalog, NULL, 0, &user, NULL, &error);
  check(&error);

  melu_questions *questions;
  melu_questions_new(catalog, &questions, &error);
  check(&error);
  for (int asked = 0; asked < QUESTIONS; asked++) {
    melu_question question;
    melu_user_next_question(user, questions, NULL, &question, &error);
    check(&error);
    melu_user_rate(user, question.item, 4.0f, &error); /* what the user taps */
    check(&error);
  }
  melu_questions_free(questions);

  size_t saved_len;
  uint8_t *saved = save(user, &saved_len);
  melu_user_free(user);
  melu_load_report report = {sizeof report, 0, 0, 0};
  melu_user_load(catalog, saved, saved_len, &user, &report, &error);
  check(&error);
  free(saved);
  printf("back again, %s\n", report.adapted_anew ? "adapted anew" : "as before");

  melu_recommendation best[BEST];
  size_t count;
  melu_user_recommend(user, NULL, best, BEST, &count, &error);
  check(&error);
  for (size_t i = 0; i < count; i++) {
    melu_str id;
    melu_catalog_id(catalog, best[i].item, &id, NULL);
    printf("%.*s\t%.3f\n", (int)id.len, id.data, best[i].score);
  }
  melu_model_free(model);
  melu_catalog_free(catalog);
  melu_user_free(user);
  return EXIT_SUCCESS;
}
