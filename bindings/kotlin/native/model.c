/* Models: from where they are opened, and what they say of themselves. */

#include "melu_jni.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef _WIN32
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

/* The handle, or 0 with an exception. */
static jlong opened(JNIEnv *env, melu_status status, const melu_model *model,
                    const melu_error *error) {
  if (status == MELU_STATUS_OK) return MELU_JNI_HANDLE(model);
  melu_jni_throw(env, error);
  return 0;
}

/* A limit as C has it, 0 for none of one's own. */
static melu_open_options limited(jlong max_memory) {
  melu_open_options options = {0};
  options.struct_size = sizeof options;
  uint64_t limit = (uint64_t)max_memory;
  options.max_memory = limit > SIZE_MAX ? SIZE_MAX : (size_t)limit;
  return options;
}

static jlong open_path(JNIEnv *env, jclass class, jbyteArray path, jlong max_memory,
                       jboolean copy) {
  (void)class;
  struct melu_jni_list text;
  if (!melu_jni_bytes(env, path, &text)) return 0;
  melu_str name = {text.data, text.len};
  melu_model *model;
  melu_error error;
  melu_open_options options = limited(max_memory);
  options.copy = copy;
  melu_status status = melu_model_open(name, &options, &model, &error);
  melu_jni_drop(&text);
  return opened(env, status, model, &error);
}

/* Bytes that are melu's until it releases them. */
static melu_status open_borrowed(const void *bytes, size_t len, jlong max_memory,
                                 void (*release)(void *), void *context, melu_model **model,
                                 melu_error *error) {
  melu_open_options options = limited(max_memory);
  options.borrow = 1;
  options.release = release;
  options.context = context;
  melu_status status = melu_model_open_bytes(bytes, len, &options, model, error);
  if (status != MELU_STATUS_OK) release(context);
  return status;
}

/* Copied once, out of the heap, to where melu likes tensors to begin. */
static jlong open_bytes(JNIEnv *env, jclass class, jbyteArray array, jlong max_memory) {
  (void)class;
  enum { ALIGNMENT = 64 };
  jsize len = (*env)->GetArrayLength(env, array);
  char *block = melu_jni_alloc(env, (size_t)len + ALIGNMENT, 1);
  if (block == NULL) return 0;
  char *bytes = block + (ALIGNMENT - (uintptr_t)block % ALIGNMENT) % ALIGNMENT;
  (*env)->GetByteArrayRegion(env, array, 0, len, (jbyte *)bytes);
  if ((*env)->ExceptionCheck(env)) {
    free(block);
    return 0;
  }
  melu_model *model;
  melu_error error;
  melu_status status = open_borrowed(bytes, (size_t)len, max_memory, free, block, &model, &error);
  return opened(env, status, model, &error);
}

/* A buffer that is kept from the garbage collector. */
struct kept_buffer {
  JavaVM *vm;
  jobject buffer;
};

/* Called by the thread that frees the last handle, which is one of Java's, but need not be. */
static void release_buffer(void *context) {
  struct kept_buffer *kept = context;
  JavaVM *vm = kept->vm;
  void *found;
  bool attached = false;
  if ((*vm)->GetEnv(vm, &found, JNI_VERSION_1_6) != JNI_OK) {
#ifdef __ANDROID__
    JNIEnv *env;
    attached = (*vm)->AttachCurrentThreadAsDaemon(vm, &env, NULL) == JNI_OK;
    found = env;
#else
    attached = (*vm)->AttachCurrentThreadAsDaemon(vm, &found, NULL) == JNI_OK;
#endif
    /* The virtual machine is ending, and all its memory with it. */
    if (!attached) return;
  }
  JNIEnv *env = found;
  (*env)->DeleteGlobalRef(env, kept->buffer);
  if (attached) (*vm)->DetachCurrentThread(vm);
  free(kept);
}

static jlong open_buffer(JNIEnv *env, jclass class, jobject buffer, jint position, jint len,
                         jlong max_memory) {
  (void)class;
  const char *bytes = (*env)->GetDirectBufferAddress(env, buffer);
  if (bytes == NULL) {
    melu_jni_throw_java(env, "java/lang/IllegalArgumentException", "the buffer is not direct");
    return 0;
  }
  struct kept_buffer *kept = melu_jni_alloc(env, 1, sizeof *kept);
  if (kept == NULL) return 0;
  kept->buffer = NULL;
  if ((*env)->GetJavaVM(env, &kept->vm) == JNI_OK) {
    kept->buffer = (*env)->NewGlobalRef(env, buffer);
  }
  if (kept->buffer == NULL) {
    free(kept);
    if (!(*env)->ExceptionCheck(env)) {
      melu_jni_throw_java(env, "java/lang/OutOfMemoryError", "no reference to the buffer");
    }
    return 0;
  }
  melu_model *model;
  melu_error error;
  melu_status status = open_borrowed(bytes + position, (size_t)len, max_memory, release_buffer,
                                     kept, &model, &error);
  return opened(env, status, model, &error);
}

#ifdef _WIN32
static jlong open_descriptor(JNIEnv *env, jclass class, jint descriptor, jlong offset,
                             jlong len, jlong max_memory) {
  (void)class, (void)descriptor, (void)offset, (void)len, (void)max_memory;
  melu_jni_throw_java(env, "java/lang/UnsupportedOperationException",
                      "Windows has no file descriptors; open the file by its path");
  return 0;
}
#else
/* Pages that are mapped. */
struct mapping {
  void *pages;
  size_t len;
};

static void unmap(void *context) {
  struct mapping *mapping = context;
  munmap(mapping->pages, mapping->len);
  free(mapping);
}

static void fail(melu_error *error, melu_status status, const char *message) {
  memset(error, 0, sizeof *error);
  error->status = status;
  error->user = MELU_NO_USER;
  int written = snprintf(error->message, sizeof error->message, "%s", message);
  error->length = written < 0 ? 0 : (size_t)written;
}

/* Maps a part of a file, which need not begin with a page. NULL with an error. */
static const char *map(int descriptor, jlong offset, jlong len, struct mapping *mapping,
                       melu_error *error) {
  char message[160];
  struct stat file;
  if (fstat(descriptor, &file) != 0) {
    snprintf(message, sizeof message, "file descriptor %d: %s", descriptor, strerror(errno));
    fail(error, MELU_STATUS_IO, message);
    return NULL;
  }
  /* What is beyond a file's end kills the process that reads it. */
  if (offset < 0 || len < 0 || offset > file.st_size || len > file.st_size - offset) {
    snprintf(message, sizeof message,
             "file descriptor %d: the file has %lld bytes; there are not %lld from %lld on",
             descriptor, (long long)file.st_size, (long long)len, (long long)offset);
    fail(error, MELU_STATUS_INVALID_ARGUMENT, message);
    return NULL;
  }
  if (len == 0) {
    fail(error, MELU_STATUS_WEIGHT_FILE, "the weight file is empty");
    return NULL;
  }
  jlong page = (jlong)sysconf(_SC_PAGESIZE);
  jlong before = offset % page;
  if ((unsigned long long)len + (unsigned long long)before > SIZE_MAX) {
    fail(error, MELU_STATUS_OUT_OF_MEMORY, "the weight file exceeds the address space");
    return NULL;
  }
  mapping->len = (size_t)(before + len);
  mapping->pages = mmap(NULL, mapping->len, PROT_READ, MAP_PRIVATE, descriptor,
                        (off_t)(offset - before));
  if (mapping->pages == MAP_FAILED) {
    snprintf(message, sizeof message, "file descriptor %d cannot be mapped: %s", descriptor,
             strerror(errno));
    fail(error, MELU_STATUS_IO, message);
    return NULL;
  }
  return (const char *)mapping->pages + before;
}

static jlong open_descriptor(JNIEnv *env, jclass class, jint descriptor, jlong offset,
                             jlong len, jlong max_memory) {
  (void)class;
  struct mapping *mapping = melu_jni_alloc(env, 1, sizeof *mapping);
  if (mapping == NULL) return 0;
  melu_error error;
  const char *bytes = map(descriptor, offset, len, mapping, &error);
  if (bytes == NULL) {
    free(mapping);
    melu_jni_throw(env, &error);
    return 0;
  }
  melu_model *model;
  melu_status status =
      open_borrowed(bytes, (size_t)len, max_memory, unmap, mapping, &model, &error);
  return opened(env, status, model, &error);
}
#endif

static void free_model(JNIEnv *env, jclass class, jlong model) {
  (void)env, (void)class;
  melu_model_free(MELU_JNI_POINTER(melu_model, model));
}

static jlongArray info(JNIEnv *env, jclass class, jlong model) {
  (void)class;
  melu_model_details details = {0};
  details.struct_size = sizeof details;
  melu_error error;
  if (melu_model_info(MELU_JNI_POINTER(melu_model, model), &details, &error)) {
    melu_jni_throw(env, &error);
    return NULL;
  }
  const jlong numbers[] = {
      (jlong)details.fingerprint,
      (jlong)details.user_fields,
      (jlong)details.item_fields,
      (jlong)details.items,
      (jlong)details.evidence,
      (jlong)details.head_parameters,
      (jlong)details.vector_width,
      (jlong)details.choice,
      (jlong)details.ratings,
      (jlong)details.clicks,
      (jlong)details.deviations,
  };
  jlongArray array = (*env)->NewLongArray(env, MELU_JNI_LEN(numbers));
  if (array == NULL) return NULL;
  (*env)->SetLongArrayRegion(env, array, 0, MELU_JNI_LEN(numbers), numbers);
  return (*env)->ExceptionCheck(env) ? NULL : array;
}

static jintArray evidence(JNIEnv *env, jclass class, jlong model, jint count) {
  (void)class;
  melu_evidence *best = melu_jni_alloc(env, (size_t)count, sizeof *best);
  if (best == NULL) return NULL;
  size_t len;
  melu_error error;
  melu_status status = melu_model_evidence(MELU_JNI_POINTER(melu_model, model), best,
                                           (size_t)count, &len, &error);
  jintArray array = NULL;
  if (status == MELU_STATUS_OK) {
    array = melu_jni_new_ints(env, best, len * (sizeof *best / sizeof(jint)));
  } else {
    melu_jni_throw(env, &error);
  }
  free(best);
  return array;
}

/* The field's name, and by the way its numbers: kind, whether values have names, how many
 * there are, and the bits of the range. NULL, without an exception, beyond the last. */
static jbyteArray field(JNIEnv *env, jclass class, jlong model, jint entity, jint index,
                        jintArray numbers) {
  (void)class;
  melu_field found = {0};
  found.struct_size = sizeof found;
  melu_error error;
  melu_status status = melu_model_field(MELU_JNI_POINTER(melu_model, model), (uint32_t)entity,
                                        (size_t)index, &found, &error);
  if (status == MELU_STATUS_NOT_FOUND) return NULL;
  if (status != MELU_STATUS_OK) {
    melu_jni_throw(env, &error);
    return NULL;
  }
  jint values[5] = {(jint)found.kind, (jint)found.named, (jint)found.values, 0, 0};
  memcpy(&values[3], &found.lowest, sizeof found.lowest);
  memcpy(&values[4], &found.highest, sizeof found.highest);
  (*env)->SetIntArrayRegion(env, numbers, 0, MELU_JNI_LEN(values), values);
  if ((*env)->ExceptionCheck(env)) return NULL;
  return melu_jni_new_text(env, found.name);
}

static jbyteArray field_value(JNIEnv *env, jclass class, jlong model, jint entity, jint index,
                              jint value) {
  (void)class;
  melu_str name;
  melu_error error;
  if (melu_model_field_value(MELU_JNI_POINTER(melu_model, model), (uint32_t)entity,
                             (size_t)index, (size_t)value, &name, &error)) {
    melu_jni_throw(env, &error);
    return NULL;
  }
  return melu_jni_new_text(env, name);
}

const JNINativeMethod melu_jni_model_methods[] = {
    MELU_JNI_METHOD("modelOpen", "([BJZ)J", open_path),
    MELU_JNI_METHOD("modelOpenBytes", "([BJ)J", open_bytes),
    MELU_JNI_METHOD("modelOpenBuffer", "(Ljava/nio/ByteBuffer;IIJ)J", open_buffer),
    MELU_JNI_METHOD("modelOpenDescriptor", "(IJJJ)J", open_descriptor),
    MELU_JNI_METHOD("modelFree", "(J)V", free_model),
    MELU_JNI_METHOD("modelInfo", "(J)[J", info),
    MELU_JNI_METHOD("modelEvidence", "(JI)[I", evidence),
    MELU_JNI_METHOD("modelField", "(JII[I)[B", field),
    MELU_JNI_METHOD("modelFieldValue", "(JIII)[B", field_value),
};
const jint melu_jni_model_methods_len = MELU_JNI_LEN(melu_jni_model_methods);
