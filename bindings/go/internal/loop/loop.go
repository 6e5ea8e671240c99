// Package loop has the benchmarks' loops in C: what the same work costs without Go.
package loop

/*
#include <melu.h>

enum { USERS = 256, BEST = 10 };

static melu_model *model;
static melu_catalog *catalog;
static melu_user *users[USERS];
static melu_recommendation best[USERS * BEST];

static melu_status setup(const char *path, size_t path_len) {
  melu_str text = {path, path_len};
  melu_status status = melu_model_open(text, &model, NULL);
  if (status == MELU_STATUS_OK) status = melu_model_catalog(model, &catalog, NULL);
  for (size_t i = 0; i < USERS && status == MELU_STATUS_OK; i++) {
    status = melu_user_new(catalog, NULL, 0, &users[i], NULL, NULL);
  }
  return status;
}

static void teardown(void) {
  for (size_t i = 0; i < USERS; i++) {
    melu_user_free(users[i]);
    users[i] = NULL;
  }
  melu_catalog_free(catalog);
  melu_model_free(model);
}

static melu_status rounds(size_t count, const uint32_t *items, const float *ratings, size_t len) {
  melu_status status = MELU_STATUS_OK;
  size_t found;
  for (size_t i = 0; i < count && status == MELU_STATUS_OK; i++) {
    size_t u = i % USERS;
    status = melu_user_adapt(users[u], items, ratings, len, NULL);
    if (status == MELU_STATUS_OK) {
      status = melu_user_recommend(users[u], NULL, best + u * BEST, BEST, &found, NULL);
    }
  }
  return status;
}

static void nothing(void) {}
*/
// #cgo nocallback nothing
import "C"

import (
	"fmt"
	"unsafe"
)

// Users and Best are how many users take turns, and how many items each gets.
const (
	Users = C.USERS
	Best  = C.BEST
)

// Open opens the model, and makes its users.
func Open(path string) error {
	text := (*C.char)(unsafe.Pointer(unsafe.StringData(path)))
	return check(C.setup(text, C.size_t(len(path))))
}

// Close frees what Open made.
func Close() { C.teardown() }

// Run adapts and recommends count times.
func Run(count int, items []uint32, ratings []float32) error {
	return check(C.rounds(C.size_t(count), (*C.uint32_t)(unsafe.Pointer(unsafe.SliceData(items))),
		(*C.float)(unsafe.Pointer(unsafe.SliceData(ratings))), C.size_t(len(items))))
}

// Nothing is a call into C that does nothing.
func Nothing() { C.nothing() }

func check(status C.melu_status) error {
	if status != C.MELU_STATUS_OK {
		return fmt.Errorf("status %d", status)
	}
	return nil
}
