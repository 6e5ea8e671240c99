/*
 * Recommendations for somebody new, from the command line:
 *
 *     cold_start MODEL                          what to ask, and what to recommend
 *     cold_start MODEL region=e one:4.5 two:2   the same after answers
 */
#include <melu.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 32, BEST = 5 };

static void check(const melu_error *error) {
  if (error->status != MELU_STATUS_OK) {
    fprintf(stderr, "cold_start: %s\n", error->message);
    exit(EXIT_FAILURE);
  }
}

static void print(const melu_catalog *catalog, uint32_t item, float score) {
  melu_str id, title;
  melu_catalog_id(catalog, item, &id, NULL);
  melu_catalog_title(catalog, item, &title, NULL);
  printf("%.*s\t%.*s\t%.3f\n", (int)id.len, id.data, (int)title.len, title.data, score);
}

int main(int argc, char **argv) {
  if (argc < 2 || argc > MOST) {
    fprintf(stderr, "usage: cold_start MODEL [FIELD=VALUE ...] [ID:RATING ...]\n");
    return 2;
  }
  melu_error error;
  melu_model *model;
  melu_model_open(melu_str_of(argv[1]), NULL, &model, &error);
  check(&error);
  melu_catalog *catalog;
  melu_model_catalog(model, &catalog, &error);
  check(&error);

  melu_value profile[MOST] = {{{NULL, 0}, 0, 0, {NULL, 0}, 0}};
  uint32_t items[MOST];
  float ratings[MOST];
  size_t values = 0, rated = 0, count;
  for (int i = 2; i < argc; i++) {
    melu_str left = {argv[i], strcspn(argv[i], "=:")};
    const char *right = argv[i] + left.len;
    if (*right == '=') {
      profile[values].field = left;
      profile[values++].name = melu_str_of(right + 1);
    } else {
      melu_catalog_find(catalog, left, &items[rated], &error);
      check(&error);
      ratings[rated++] = *right ? strtof(right + 1, NULL) : 0;
    }
  }
  melu_user *user;
  melu_user_new(catalog, profile, values, &user, NULL, &error);
  check(&error);

  melu_user_adapt(user, items, ratings, rated, &error);
  check(&error);
  /* What to ask next depends on the answers so far. */
  melu_questions *questions;
  melu_questions_new(catalog, &questions, &error);
  check(&error);
  melu_question question;
  if (melu_user_next_question(user, questions, NULL, &question, &error) == MELU_STATUS_OK) {
    printf("ask about:\n");
    print(catalog, question.item, question.known);
  }
  melu_questions_free(questions);
  melu_recommendation best[BEST];
  melu_user_recommend(user, NULL, best, BEST, &count, &error);
  check(&error);
  printf("recommended:\n");
  for (size_t i = 0; i < count; i++) print(catalog, best[i].item, best[i].score);

  melu_user_free(user);
  melu_catalog_free(catalog);
  melu_model_free(model);
  return EXIT_SUCCESS;
}
