/* Loading, errors, and arrays. */

#include "melu_jni.h"

#include <stdlib.h>
#include <string.h>

struct melu_jni_classes melu_jni_classes;

void melu_jni_throw_java(JNIEnv *env, const char *class_name, const char *message) {
  jclass class = (*env)->FindClass(env, class_name);
  if (class == NULL) return; /* that failure is pending instead */
  (*env)->ThrowNew(env, class, message);
  (*env)->DeleteLocalRef(env, class);
}

void melu_jni_throw(JNIEnv *env, const melu_error *error) {
  /* The length is that of the whole message, which may be cut. */
  jbyteArray message = melu_jni_new_bytes(env, error->message, strlen(error->message));
  if (message == NULL) return;
  jobject failure = (*env)->CallStaticObjectMethod(
      env, melu_jni_classes.native, melu_jni_classes.failure, (jint)error->status, message);
  if (!(*env)->ExceptionCheck(env)) (*env)->Throw(env, (jthrowable)failure);
  (*env)->DeleteLocalRef(env, failure);
  (*env)->DeleteLocalRef(env, message);
}

void *melu_jni_alloc(JNIEnv *env, size_t count, size_t size) {
  void *memory = NULL;
  if (size == 0 || count <= SIZE_MAX / size) {
    size_t bytes = count * size;
    memory = malloc(bytes > 0 ? bytes : 1);
  }
  if (memory == NULL) {
    melu_jni_throw_java(env, "java/lang/OutOfMemoryError", "no native memory for an array");
  }
  return memory;
}

/* Makes room for a copy. */
static bool make_room(JNIEnv *env, jarray array, size_t size, struct melu_jni_list *list) {
  list->data = NULL;
  list->len = 0;
  if (array == NULL) return true;
  list->len = (size_t)(*env)->GetArrayLength(env, array);
  list->data = list->room;
  if (list->len > sizeof list->room / size) list->data = melu_jni_alloc(env, list->len, size);
  return list->data != NULL;
}

/* Whether the copy worked; if not, there is none. */
static bool copied(JNIEnv *env, struct melu_jni_list *list) {
  if (!(*env)->ExceptionCheck(env)) return true;
  melu_jni_drop(list);
  return false;
}

bool melu_jni_bytes(JNIEnv *env, jbyteArray array, struct melu_jni_list *list) {
  if (!make_room(env, array, 1, list)) return false;
  if (array == NULL) return true;
  (*env)->GetByteArrayRegion(env, array, 0, (jsize)list->len, list->data);
  return copied(env, list);
}

bool melu_jni_ints(JNIEnv *env, jintArray array, struct melu_jni_list *list) {
  if (!make_room(env, array, sizeof(jint), list)) return false;
  if (array == NULL) return true;
  (*env)->GetIntArrayRegion(env, array, 0, (jsize)list->len, list->data);
  return copied(env, list);
}

bool melu_jni_floats(JNIEnv *env, jfloatArray array, struct melu_jni_list *list) {
  if (!make_room(env, array, sizeof(jfloat), list)) return false;
  if (array == NULL) return true;
  (*env)->GetFloatArrayRegion(env, array, 0, (jsize)list->len, list->data);
  return copied(env, list);
}

void melu_jni_drop(struct melu_jni_list *list) {
  if (list->data != list->room) free(list->data);
  list->data = NULL;
  list->len = 0;
}

/* Whether an array of Java's can be so long. */
static bool fits(JNIEnv *env, size_t len) {
  if (len <= INT32_MAX) return true;
  melu_jni_throw_java(env, "java/lang/OutOfMemoryError", "an array would be too long");
  return false;
}

/* The array, or NULL if writing to it failed. */
static void *whole(JNIEnv *env, void *array) {
  if (!(*env)->ExceptionCheck(env)) return array;
  (*env)->DeleteLocalRef(env, array);
  return NULL;
}

jbyteArray melu_jni_new_bytes(JNIEnv *env, const void *data, size_t len) {
  if (!fits(env, len)) return NULL;
  jbyteArray array = (*env)->NewByteArray(env, (jsize)len);
  if (array == NULL || len == 0) return array;
  (*env)->SetByteArrayRegion(env, array, 0, (jsize)len, data);
  return whole(env, array);
}

jintArray melu_jni_new_ints(JNIEnv *env, const void *data, size_t len) {
  if (!fits(env, len)) return NULL;
  jintArray array = (*env)->NewIntArray(env, (jsize)len);
  if (array == NULL || len == 0) return array;
  (*env)->SetIntArrayRegion(env, array, 0, (jsize)len, data);
  return whole(env, array);
}

jfloatArray melu_jni_new_floats(JNIEnv *env, const float *data, size_t len) {
  if (!fits(env, len)) return NULL;
  jfloatArray array = (*env)->NewFloatArray(env, (jsize)len);
  if (array == NULL || len == 0) return array;
  (*env)->SetFloatArrayRegion(env, array, 0, (jsize)len, data);
  return whole(env, array);
}

jbyteArray melu_jni_new_text(JNIEnv *env, melu_str text) {
  return melu_jni_new_bytes(env, text.data, text.len);
}

float *melu_jni_buffer(JNIEnv *env, jobject buffer, jint position) {
  float *data = (*env)->GetDirectBufferAddress(env, buffer);
  if (data == NULL || (uintptr_t)data % sizeof *data != 0) {
    melu_jni_throw_java(env, "java/lang/IllegalArgumentException",
                        "the buffer is not direct, or its numbers are not aligned to 4 bytes");
    return NULL;
  }
  return data + position;
}

bool melu_jni_put(JNIEnv *env, jlongArray array, jsize place, size_t number) {
  jlong value = (jlong)number;
  (*env)->SetLongArrayRegion(env, array, place, 1, &value);
  return !(*env)->ExceptionCheck(env);
}

static jbyteArray version(JNIEnv *env, jclass class) {
  (void)class;
  return melu_jni_new_text(env, melu_version());
}

static jbyteArray kernel(JNIEnv *env, jclass class) {
  (void)class;
  return melu_jni_new_text(env, melu_kernel_name());
}

static jbyteArray status_text(JNIEnv *env, jclass class, jint status) {
  (void)class;
  return melu_jni_new_text(env, melu_status_str(status));
}

static const JNINativeMethod methods[] = {
    MELU_JNI_METHOD("version", "()[B", version),
    MELU_JNI_METHOD("kernel", "()[B", kernel),
    MELU_JNI_METHOD("statusText", "(I)[B", status_text),
};

/* A class that stays loaded; NULL with an exception. */
static jclass keep(JNIEnv *env, const char *name) {
  jclass local = (*env)->FindClass(env, name);
  if (local == NULL) return NULL;
  jclass kept = (*env)->NewGlobalRef(env, local);
  (*env)->DeleteLocalRef(env, local);
  return kept;
}

static void forget(JNIEnv *env) {
  (*env)->DeleteGlobalRef(env, melu_jni_classes.native);
  (*env)->DeleteGlobalRef(env, melu_jni_classes.filter);
  melu_jni_classes = (struct melu_jni_classes){0};
}

static bool prepare(JNIEnv *env) {
  struct melu_jni_classes *classes = &melu_jni_classes;
  classes->native = keep(env, "io/github/melurs/Native");
  if (classes->native == NULL) return false;
  classes->filter = keep(env, "io/github/melurs/Filter");
  if (classes->filter == NULL) return false;
  classes->failure = (*env)->GetStaticMethodID(env, classes->native, "failure",
                                               "(I[B)Lio/github/melurs/MeluException;");
  if (classes->failure == NULL) return false;
  classes->accepts = (*env)->GetMethodID(env, classes->filter, "accepts", "(I)Z");
  if (classes->accepts == NULL) return false;
  jclass native = classes->native;
  return (*env)->RegisterNatives(env, native, methods, MELU_JNI_LEN(methods)) == JNI_OK &&
         (*env)->RegisterNatives(env, native, melu_jni_model_methods,
                                 melu_jni_model_methods_len) == JNI_OK &&
         (*env)->RegisterNatives(env, native, melu_jni_catalog_methods,
                                 melu_jni_catalog_methods_len) == JNI_OK &&
         (*env)->RegisterNatives(env, native, melu_jni_user_methods,
                                 melu_jni_user_methods_len) == JNI_OK &&
         (*env)->RegisterNatives(env, native, melu_jni_answer_methods,
                                 melu_jni_answer_methods_len) == JNI_OK;
}

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM *vm, void *reserved);
JNIEXPORT void JNICALL JNI_OnUnload(JavaVM *vm, void *reserved);

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM *vm, void *reserved) {
  (void)reserved;
  void *env;
  if ((*vm)->GetEnv(vm, &env, JNI_VERSION_1_6) != JNI_OK) return JNI_ERR;
  /* A shared libmelu may be another one than this was compiled for. */
  if (melu_abi_version() != MELU_ABI_VERSION) return JNI_ERR;
  if (prepare(env)) return JNI_VERSION_1_6;
  forget(env);
  return JNI_ERR;
}

JNIEXPORT void JNICALL JNI_OnUnload(JavaVM *vm, void *reserved) {
  (void)reserved;
  void *env;
  if ((*vm)->GetEnv(vm, &env, JNI_VERSION_1_6) == JNI_OK) forget(env);
}
