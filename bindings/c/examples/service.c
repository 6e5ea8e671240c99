/*
 * A service: several threads answer requests from one catalogue, while another thread
 * swaps it for one with a new item.
 *
 *     service MODEL
 */
#include <melu.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORKERS = 4, REQUESTS = 500, BEST = 3 };

/* Held while a user is made, which then keeps its catalogue alive, and not while it
 * scores: a swap never waits for a request. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static melu_catalog *current;

static void check(const melu_error *error) {
  if (error->status != MELU_STATUS_OK) {
    fprintf(stderr, "service: %s\n", error->message);
    exit(EXIT_FAILURE);
  }
}

static void *work(void *answered) {
  for (int request = 0; request < REQUESTS; request++) {
    melu_error error;
    melu_user *user;
    pthread_mutex_lock(&lock);
    melu_user_new(current, NULL, 0, &user, NULL, &error);
    pthread_mutex_unlock(&lock);
    check(&error);

    uint32_t item = (uint32_t)request % 3;
    float rating = (float)(request % 5 + 1);
    melu_recommendation best[BEST];
    size_t count;
    melu_user_adapt(user, &item, &rating, 1, &error);
    check(&error);
    melu_user_recommend(user, NULL, best, BEST, &count, &error);
    check(&error);
    *(size_t *)answered += count > 0 && best[0].item != item;
    melu_user_free(user);
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: service MODEL\n");
    return 2;
  }
  melu_error error;
  melu_model *model;
  melu_model_open(melu_str_of(argv[1]), NULL, &model, &error);
  check(&error);
  melu_model_catalog(model, &current, &error);
  check(&error);

  pthread_t workers[WORKERS];
  size_t answered[WORKERS] = {0}, all = 0;
  for (int i = 0; i < WORKERS; i++) {
    if (pthread_create(&workers[i], NULL, work, &answered[i]) != 0) return EXIT_FAILURE;
  }

  melu_item item = {melu_str_of("brand new"), NULL, 0, melu_str_of("Brand New")};
  melu_catalog *extended, *old;
  melu_catalog_extend(current, &item, 1, &extended, NULL, &error);
  check(&error);
  pthread_mutex_lock(&lock);
  old = current;
  current = extended;
  pthread_mutex_unlock(&lock);
  melu_catalog_free(old);

  for (int i = 0; i < WORKERS; i++) {
    pthread_join(workers[i], NULL);
    all += answered[i];
  }
  printf("%zu requests answered, %zu items\n", all, melu_catalog_len(current));
  melu_catalog_free(current);
  melu_model_free(model);
  return EXIT_SUCCESS;
}
