/*
 * Adapts to users' answers and recommends, so many times, and has callgrind count that.
 *
 *     calls MODEL ANSWERS CALLS
 *
 * ANSWERS has 20 items a user as uint32_t, then their ratings as float.
 */
#include <melu.h>
#include <stdio.h>
#include <stdlib.h>
#include <valgrind/callgrind.h>

enum { GIVEN = 20, BEST = 20, USERS = 64 };

struct answers {
  uint32_t items[GIVEN];
  float ratings[GIVEN];
};

static void check(const melu_error *error) {
  if (error->status != MELU_STATUS_OK) {
    fprintf(stderr, "calls: %s\n", error->message);
    exit(EXIT_FAILURE);
  }
}

static void call(melu_user *user, const struct answers *of) {
  melu_error error;
  melu_recommendation best[BEST];
  size_t count;
  melu_user_adapt(user, of->items, of->ratings, GIVEN, &error);
  check(&error);
  melu_user_recommend(user, NULL, best, BEST, &count, &error);
  check(&error);
}

int main(int argc, char **argv) {
  static struct answers answers[USERS];
  FILE *file = argc == 4 ? fopen(argv[2], "rb") : NULL;
  size_t users = file ? fread(answers, sizeof answers[0], USERS, file) : 0;
  if (users == 0) {
    fprintf(stderr, "usage: calls MODEL ANSWERS CALLS\n");
    return 2;
  }
  fclose(file);
  melu_error error;
  melu_model *model;
  melu_model_open(melu_str_of(argv[1]), NULL, &model, &error);
  check(&error);
  melu_catalog *catalog;
  melu_model_catalog(model, &catalog, &error);
  check(&error);
  melu_user *user;
  melu_user_new(catalog, NULL, 0, &user, NULL, &error);
  check(&error);
  /* What happens once only is not what a call costs. */
  for (size_t one = 0; one < users; one++) call(user, &answers[one]);
  CALLGRIND_START_INSTRUMENTATION;
  CALLGRIND_ZERO_STATS;
  for (long one = 0; one < atol(argv[3]); one++) call(user, &answers[one % users]);
  CALLGRIND_DUMP_STATS;
  CALLGRIND_STOP_INSTRUMENTATION;
  melu_user_free(user);
  melu_catalog_free(catalog);
  melu_model_free(model);
  return 0;
}
