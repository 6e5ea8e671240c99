/*
 * melu for the JVM: what the native methods of io.github.melurs.Native have in common.
 *
 * Handles are longs, texts are arrays of UTF-8 bytes, since JNI's own strings are not UTF-8,
 * and structs are arrays of numbers, which Kotlin takes apart. Arrays are copied: a critical
 * section would stop the garbage collector for as long as melu computes.
 *
 * A function that returns false or NULL has left an exception pending; its caller frees what
 * it holds and returns.
 */
#ifndef MELU_JNI_H
#define MELU_JNI_H

#include <jni.h>
#include <melu.h>
#include <stdbool.h>

/* All that is kept between calls: it never changes after the library was loaded. */
struct melu_jni_classes {
  jclass native; /* io.github.melurs.Native */
  jmethodID failure;
  jclass filter; /* io.github.melurs.Filter */
  jmethodID accepts;
};
extern struct melu_jni_classes melu_jni_classes;

/* Methods to be registered, and their number. */
extern const JNINativeMethod melu_jni_model_methods[];
extern const jint melu_jni_model_methods_len;
extern const JNINativeMethod melu_jni_catalog_methods[];
extern const jint melu_jni_catalog_methods_len;
extern const JNINativeMethod melu_jni_user_methods[];
extern const jint melu_jni_user_methods_len;
extern const JNINativeMethod melu_jni_answer_methods[];
extern const jint melu_jni_answer_methods_len;

#define MELU_JNI_LEN(list) ((jint)(sizeof(list) / sizeof *(list)))

/* JNI takes char * where it means const char *, and functions as if they were data. */
#define MELU_JNI_METHOD(name, signature, function) \
  { (char *)(name), (char *)(signature), (void *)(intptr_t)(function) }

#define MELU_JNI_POINTER(type, handle) ((type *)(intptr_t)(handle))
#define MELU_JNI_HANDLE(pointer) ((jlong)(intptr_t)(pointer))

/* Throws the MeluException of an error. */
void melu_jni_throw(JNIEnv *env, const melu_error *error);

/* Throws one of Java's own, with a message in ASCII. */
void melu_jni_throw_java(JNIEnv *env, const char *class_name, const char *message);

/* malloc, but throws an OutOfMemoryError; never NULL for a size of 0. */
void *melu_jni_alloc(JNIEnv *env, size_t count, size_t size);

/* A copy of an array of Java's. `data` is NULL if the array is null, and never for an empty
 * one, which is not the same to melu. */
struct melu_jni_list {
  void *data;
  size_t len;
  uint64_t room[64]; /* for short ones */
};

bool melu_jni_bytes(JNIEnv *env, jbyteArray array, struct melu_jni_list *list);
bool melu_jni_ints(JNIEnv *env, jintArray array, struct melu_jni_list *list);
bool melu_jni_floats(JNIEnv *env, jfloatArray array, struct melu_jni_list *list);

/* Frees a list that was taken, or zeroed. */
void melu_jni_drop(struct melu_jni_list *list);

/* New arrays of Java's; NULL with an exception. */
jbyteArray melu_jni_new_bytes(JNIEnv *env, const void *data, size_t len);
jintArray melu_jni_new_ints(JNIEnv *env, const void *data, size_t len);
jfloatArray melu_jni_new_floats(JNIEnv *env, const float *data, size_t len);
jbyteArray melu_jni_new_text(JNIEnv *env, melu_str text);

/* The numbers of a direct FloatBuffer from a position on. */
float *melu_jni_buffer(JNIEnv *env, jobject buffer, jint position);

/* Field values and items, out of one array of numbers and one of text, in the order in which
 * Kotlin's Packed wrote them. */
struct melu_jni_values {
  struct melu_jni_list numbers;
  struct melu_jni_list text;
  melu_item *items;
  size_t items_len;
  melu_value *values;
  size_t values_len;
};

bool melu_jni_values(JNIEnv *env, jintArray numbers, jbyteArray text,
                     struct melu_jni_values *values);
void melu_jni_drop_values(struct melu_jni_values *values);

/* Writes a number to a place of an array. */
bool melu_jni_put(JNIEnv *env, jlongArray array, jsize place, size_t number);

#endif /* MELU_JNI_H */
