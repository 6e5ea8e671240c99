/* Users: who they are, and what they rated. */

#include "melu_jni.h"

#include <stdlib.h>
#include <string.h>

/* Throws if a call failed. */
static void check(JNIEnv *env, melu_status status, const melu_error *error) {
  if (status != MELU_STATUS_OK) melu_jni_throw(env, error);
}

/* `numbers` may be null: nothing is known of the user. */
static jlong new_user(JNIEnv *env, jclass class, jlong catalog, jintArray numbers,
                      jbyteArray text, jlongArray unknown) {
  (void)class;
  struct melu_jni_values values = {0};
  if (numbers != NULL && !melu_jni_values(env, numbers, text, &values)) return 0;
  melu_user *user;
  size_t unknown_values = 0;
  melu_error error;
  melu_status status =
      melu_user_new(MELU_JNI_POINTER(melu_catalog, catalog), values.values, values.values_len,
                    &user, &unknown_values, &error);
  if (numbers != NULL) melu_jni_drop_values(&values);
  check(env, status, &error);
  if (status != MELU_STATUS_OK) return 0;
  if (!melu_jni_put(env, unknown, 0, unknown_values)) {
    melu_user_free(user);
    return 0;
  }
  return MELU_JNI_HANDLE(user);
}

static void free_user(JNIEnv *env, jclass class, jlong user) {
  (void)env, (void)class;
  melu_user_free(MELU_JNI_POINTER(melu_user, user));
}

/* Kotlin has checked that the lists are of one length. */
static void adapt(JNIEnv *env, jclass class, jlong user, jintArray items, jfloatArray ratings) {
  (void)class;
  struct melu_jni_list rated;
  struct melu_jni_list given;
  if (!melu_jni_ints(env, items, &rated)) return;
  if (!melu_jni_floats(env, ratings, &given)) {
    melu_jni_drop(&rated);
    return;
  }
  melu_error error;
  melu_status status = melu_user_adapt(MELU_JNI_POINTER(melu_user, user), rated.data,
                                       given.data, given.len, &error);
  melu_jni_drop(&rated);
  melu_jni_drop(&given);
  check(env, status, &error);
}

static void reset(JNIEnv *env, jclass class, jlong user) {
  (void)class;
  melu_error error;
  melu_status status = melu_user_reset(MELU_JNI_POINTER(melu_user, user), &error);
  check(env, status, &error);
}

static void rate(JNIEnv *env, jclass class, jlong user, jint item, jfloat rating) {
  (void)class;
  melu_error error;
  melu_status status =
      melu_user_rate(MELU_JNI_POINTER(melu_user, user), (uint32_t)item, rating, &error);
  check(env, status, &error);
}

/* False if the user did not rate it. */
static jboolean withdraw(JNIEnv *env, jclass class, jlong user, jint item) {
  (void)class;
  melu_error error;
  melu_status status =
      melu_user_withdraw(MELU_JNI_POINTER(melu_user, user), (uint32_t)item, &error);
  if (status == MELU_STATUS_NOT_FOUND) return JNI_FALSE;
  check(env, status, &error);
  return JNI_TRUE;
}

/* The items, and behind them the ratings' bits. */
static jintArray ratings(JNIEnv *env, jclass class, jlong user) {
  (void)class;
  const melu_user *of = MELU_JNI_POINTER(melu_user, user);
  size_t len = 0;
  melu_error error;
  melu_status status = melu_user_ratings(of, NULL, NULL, 0, &len, &error);
  if (status != MELU_STATUS_OK && status != MELU_STATUS_CAPACITY) {
    melu_jni_throw(env, &error);
    return NULL;
  }
  uint32_t *items = melu_jni_alloc(env, len, 2 * sizeof *items);
  if (items == NULL) return NULL;
  float *given = melu_jni_alloc(env, len, sizeof *given);
  if (given == NULL) {
    free(items);
    return NULL;
  }
  status = melu_user_ratings(of, items, given, len, &len, &error);
  jintArray array = NULL;
  if (status == MELU_STATUS_OK) {
    memcpy(items + len, given, len * sizeof *given);
    array = melu_jni_new_ints(env, items, 2 * len);
  } else {
    melu_jni_throw(env, &error);
  }
  free(items);
  free(given);
  return array;
}

/* Values as `melu_jni_values` reads them, but for the first two numbers; their text goes to the
 * first place of `texts`. */
static jintArray pack(JNIEnv *env, const melu_value *values, size_t len, jobjectArray texts) {
  size_t bytes = 0;
  for (size_t i = 0; i < len; i++) bytes += values[i].field.len + values[i].name.len;
  jint *numbers = melu_jni_alloc(env, len, 4 * sizeof *numbers);
  char *text = numbers == NULL ? NULL : melu_jni_alloc(env, bytes, 1);
  jintArray array = NULL;
  if (text != NULL) {
    char *next = text;
    for (size_t i = 0; i < len; i++) {
      const melu_value *value = &values[i];
      jint *of = numbers + 4 * i;
      of[0] = (jint)value->kind;
      of[1] = (jint)value->index;
      if (value->kind == MELU_VALUE_NUMBER) memcpy(&of[1], &value->number, sizeof of[1]);
      of[2] = (jint)value->field.len;
      of[3] = (jint)value->name.len;
      if (value->field.len > 0) memcpy(next, value->field.data, value->field.len);
      next += value->field.len;
      if (value->name.len > 0) memcpy(next, value->name.data, value->name.len);
      next += value->name.len;
    }
    jbyteArray packed = melu_jni_new_bytes(env, text, bytes);
    if (packed != NULL) {
      (*env)->SetObjectArrayElement(env, texts, 0, packed);
      if (!(*env)->ExceptionCheck(env)) array = melu_jni_new_ints(env, numbers, 4 * len);
    }
  }
  free(text);
  free(numbers);
  return array;
}

static jintArray unknown_profile(JNIEnv *env, jclass class, jlong user, jobjectArray texts) {
  (void)class;
  const melu_user *of = MELU_JNI_POINTER(melu_user, user);
  size_t len = 0;
  melu_error error;
  melu_status status = melu_user_unknown_profile(of, NULL, 0, &len, &error);
  if (status != MELU_STATUS_OK && status != MELU_STATUS_CAPACITY) {
    melu_jni_throw(env, &error);
    return NULL;
  }
  melu_value *values = melu_jni_alloc(env, len, sizeof *values);
  if (values == NULL) return NULL;
  status = melu_user_unknown_profile(of, values, len, &len, &error);
  jintArray array = NULL;
  if (status == MELU_STATUS_OK) {
    array = pack(env, values, len, texts);
  } else {
    melu_jni_throw(env, &error);
  }
  free(values);
  return array;
}

static jbyteArray save(JNIEnv *env, jclass class, jlong user) {
  (void)class;
  const melu_user *of = MELU_JNI_POINTER(melu_user, user);
  size_t len = 0;
  melu_error error;
  melu_status status = melu_user_save(of, NULL, 0, &len, &error);
  if (status != MELU_STATUS_OK && status != MELU_STATUS_CAPACITY) {
    melu_jni_throw(env, &error);
    return NULL;
  }
  uint8_t *bytes = melu_jni_alloc(env, len, 1);
  if (bytes == NULL) return NULL;
  status = melu_user_save(of, bytes, len, &len, &error);
  jbyteArray array = NULL;
  if (status == MELU_STATUS_OK) {
    array = melu_jni_new_bytes(env, bytes, len);
  } else {
    melu_jni_throw(env, &error);
  }
  free(bytes);
  return array;
}

/* `report` gets the unknown values, whether the user was adapted anew, and the missing items. */
static jlong load(JNIEnv *env, jclass class, jlong catalog, jbyteArray bytes,
                  jlongArray report) {
  (void)class;
  struct melu_jni_list saved;
  if (!melu_jni_bytes(env, bytes, &saved)) return 0;
  melu_user *user;
  melu_load_report found = {0};
  found.struct_size = sizeof found;
  melu_error error;
  melu_status status = melu_user_load(MELU_JNI_POINTER(melu_catalog, catalog), saved.data,
                                      saved.len, &user, &found, &error);
  melu_jni_drop(&saved);
  check(env, status, &error);
  if (status != MELU_STATUS_OK) return 0;
  if (!melu_jni_put(env, report, 0, found.unknown_values) ||
      !melu_jni_put(env, report, 1, found.adapted_anew) ||
      !melu_jni_put(env, report, 2, found.missing_items)) {
    melu_user_free(user);
    return 0;
  }
  return MELU_JNI_HANDLE(user);
}

const JNINativeMethod melu_jni_user_methods[] = {
    MELU_JNI_METHOD("userNew", "(J[I[B[J)J", new_user),
    MELU_JNI_METHOD("userFree", "(J)V", free_user),
    MELU_JNI_METHOD("userAdapt", "(J[I[F)V", adapt),
    MELU_JNI_METHOD("userReset", "(J)V", reset),
    MELU_JNI_METHOD("userRate", "(JIF)V", rate),
    MELU_JNI_METHOD("userWithdraw", "(JI)Z", withdraw),
    MELU_JNI_METHOD("userRatings", "(J)[I", ratings),
    MELU_JNI_METHOD("userUnknownProfile", "(J[[B)[I", unknown_profile),
    MELU_JNI_METHOD("userSave", "(J)[B", save),
    MELU_JNI_METHOD("userLoad", "(J[B[J)J", load),
};
const jint melu_jni_user_methods_len = MELU_JNI_LEN(melu_jni_user_methods);
