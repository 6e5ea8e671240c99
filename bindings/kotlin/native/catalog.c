/* Catalogues. */

#include "melu_jni.h"

/* The handle, or 0 with an exception. */
static jlong made(JNIEnv *env, melu_status status, const melu_catalog *catalog,
                  const melu_error *error) {
  if (status == MELU_STATUS_OK) return MELU_JNI_HANDLE(catalog);
  melu_jni_throw(env, error);
  return 0;
}

static jlong of_model(JNIEnv *env, jclass class, jlong model) {
  (void)class;
  melu_catalog *catalog;
  melu_error error;
  melu_status status =
      melu_model_catalog(MELU_JNI_POINTER(melu_model, model), &catalog, &error);
  return made(env, status, catalog, &error);
}

/* Of a model if there is one, else of a catalogue, with items that are given. */
static jlong with_items(JNIEnv *env, jlong model, jlong older, jintArray numbers,
                        jbyteArray text, jlongArray unknown) {
  struct melu_jni_values values;
  if (!melu_jni_values(env, numbers, text, &values)) return 0;
  melu_catalog *catalog;
  size_t unknown_values = 0;
  melu_error error;
  melu_status status;
  if (model != 0) {
    status = melu_catalog_new(MELU_JNI_POINTER(melu_model, model), values.items,
                              values.items_len, &catalog, &unknown_values, &error);
  } else {
    status = melu_catalog_extend(MELU_JNI_POINTER(melu_catalog, older), values.items,
                                 values.items_len, &catalog, &unknown_values, &error);
  }
  melu_jni_drop_values(&values);
  if (status == MELU_STATUS_OK && !melu_jni_put(env, unknown, 0, unknown_values)) {
    melu_catalog_free(catalog);
    return 0;
  }
  return made(env, status, catalog, &error);
}

static jlong new_catalog(JNIEnv *env, jclass class, jlong model, jintArray numbers,
                         jbyteArray text, jlongArray unknown) {
  (void)class;
  return with_items(env, model, 0, numbers, text, unknown);
}

static jlong extend(JNIEnv *env, jclass class, jlong catalog, jintArray numbers,
                    jbyteArray text, jlongArray unknown) {
  (void)class;
  return with_items(env, 0, catalog, numbers, text, unknown);
}

static jlong without(JNIEnv *env, jclass class, jlong catalog, jintArray items) {
  (void)class;
  struct melu_jni_list list;
  if (!melu_jni_ints(env, items, &list)) return 0;
  melu_catalog *smaller;
  melu_error error;
  melu_status status = melu_catalog_remove(MELU_JNI_POINTER(melu_catalog, catalog), list.data,
                                           list.len, &smaller, &error);
  melu_jni_drop(&list);
  return made(env, status, smaller, &error);
}

static jlong convert(JNIEnv *env, jclass class, jlong catalog, jint data_type) {
  (void)class;
  melu_catalog *converted;
  melu_error error;
  melu_status status = melu_catalog_convert(MELU_JNI_POINTER(melu_catalog, catalog),
                                            (uint32_t)data_type, &converted, &error);
  return made(env, status, converted, &error);
}

static void free_catalog(JNIEnv *env, jclass class, jlong catalog) {
  (void)env, (void)class;
  melu_catalog_free(MELU_JNI_POINTER(melu_catalog, catalog));
}

static jint length(JNIEnv *env, jclass class, jlong catalog) {
  (void)env, (void)class;
  size_t len = melu_catalog_len(MELU_JNI_POINTER(melu_catalog, catalog));
  return len > INT32_MAX ? INT32_MAX : (jint)len;
}

/* -1 if there is no such item. */
static jint find(JNIEnv *env, jclass class, jlong catalog, jbyteArray id) {
  (void)class;
  struct melu_jni_list text;
  if (!melu_jni_bytes(env, id, &text)) return -1;
  melu_str name = {text.data, text.len};
  uint32_t item = 0;
  melu_error error;
  melu_status status =
      melu_catalog_find(MELU_JNI_POINTER(melu_catalog, catalog), name, &item, &error);
  melu_jni_drop(&text);
  if (status == MELU_STATUS_OK) return (jint)item;
  if (status != MELU_STATUS_NOT_FOUND) melu_jni_throw(env, &error);
  return -1;
}

static jbyteArray id(JNIEnv *env, jclass class, jlong catalog, jint item) {
  (void)class;
  melu_str text;
  melu_error error;
  if (melu_catalog_id(MELU_JNI_POINTER(melu_catalog, catalog), (uint32_t)item, &text, &error)) {
    melu_jni_throw(env, &error);
    return NULL;
  }
  return melu_jni_new_text(env, text);
}

static jbyteArray title(JNIEnv *env, jclass class, jlong catalog, jint item) {
  (void)class;
  melu_str text;
  melu_error error;
  if (melu_catalog_title(MELU_JNI_POINTER(melu_catalog, catalog), (uint32_t)item, &text,
                         &error)) {
    melu_jni_throw(env, &error);
    return NULL;
  }
  return melu_jni_new_text(env, text);
}

static jint raters(JNIEnv *env, jclass class, jlong catalog, jint item) {
  (void)class;
  uint32_t count = 0;
  melu_error error;
  if (melu_catalog_raters(MELU_JNI_POINTER(melu_catalog, catalog), (uint32_t)item, &count,
                          &error)) {
    melu_jni_throw(env, &error);
    return 0;
  }
  return count > INT32_MAX ? INT32_MAX : (jint)count;
}

/* The vectors of some of the items, which Kotlin has checked to be there. */
static bool view(JNIEnv *env, jlong catalog, melu_vectors *vectors) {
  melu_error error;
  if (!melu_catalog_item_vectors(MELU_JNI_POINTER(melu_catalog, catalog), vectors, &error)) {
    return true;
  }
  melu_jni_throw(env, &error);
  return false;
}

/* How wide vectors are; -1 with an exception. */
static jint vector_width(JNIEnv *env, jclass class, jlong catalog) {
  (void)class;
  melu_vectors vectors;
  return view(env, catalog, &vectors) ? (jint)vectors.width : -1;
}

/* Writes those of the items from `begin` to `end` to an array that is long enough. */
static void vectors(JNIEnv *env, jclass class, jlong catalog, jint begin, jint end,
                    jfloatArray array) {
  (void)class;
  melu_vectors all;
  if (!view(env, catalog, &all)) return;
  jsize place = 0;
  for (size_t item = (size_t)begin; item < (size_t)end; item++) {
    (*env)->SetFloatArrayRegion(env, array, place, (jsize)all.width,
                                all.data + item * all.stride);
    if ((*env)->ExceptionCheck(env)) return;
    place += (jsize)all.width;
  }
}

/* The same to a buffer, from a position on. */
static void vectors_into(JNIEnv *env, jclass class, jlong catalog, jint begin, jint end,
                         jobject buffer, jint position) {
  (void)class;
  melu_vectors all;
  if (!view(env, catalog, &all)) return;
  float *next = melu_jni_buffer(env, buffer, position);
  if (next == NULL) return;
  for (size_t item = (size_t)begin; item < (size_t)end; item++) {
    memcpy(next, all.data + item * all.stride, all.width * sizeof *next);
    next += all.width;
  }
}

static jlong new_questions(JNIEnv *env, jclass class, jlong catalog) {
  (void)class;
  melu_questions *questions;
  melu_error error;
  if (melu_questions_new(MELU_JNI_POINTER(melu_catalog, catalog), &questions, &error)) {
    melu_jni_throw(env, &error);
    return 0;
  }
  return MELU_JNI_HANDLE(questions);
}

static void free_questions(JNIEnv *env, jclass class, jlong questions) {
  (void)env, (void)class;
  melu_questions_free(MELU_JNI_POINTER(melu_questions, questions));
}

const JNINativeMethod melu_jni_catalog_methods[] = {
    MELU_JNI_METHOD("modelCatalog", "(J)J", of_model),
    MELU_JNI_METHOD("catalogNew", "(J[I[B[J)J", new_catalog),
    MELU_JNI_METHOD("catalogExtend", "(J[I[B[J)J", extend),
    MELU_JNI_METHOD("catalogRemove", "(J[I)J", without),
    MELU_JNI_METHOD("catalogConvert", "(JI)J", convert),
    MELU_JNI_METHOD("catalogFree", "(J)V", free_catalog),
    MELU_JNI_METHOD("catalogLen", "(J)I", length),
    MELU_JNI_METHOD("catalogFind", "(J[B)I", find),
    MELU_JNI_METHOD("catalogId", "(JI)[B", id),
    MELU_JNI_METHOD("catalogTitle", "(JI)[B", title),
    MELU_JNI_METHOD("catalogRaters", "(JI)I", raters),
    MELU_JNI_METHOD("catalogVectorWidth", "(J)I", vector_width),
    MELU_JNI_METHOD("catalogVectors", "(JII[F)V", vectors),
    MELU_JNI_METHOD("catalogVectorsInto", "(JIILjava/nio/FloatBuffer;I)V", vectors_into),
    MELU_JNI_METHOD("questionsNew", "(J)J", new_questions),
    MELU_JNI_METHOD("questionsFree", "(J)V", free_questions),
};
const jint melu_jni_catalog_methods_len = MELU_JNI_LEN(melu_jni_catalog_methods);
