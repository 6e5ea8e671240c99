/* Field values and items, as Kotlin packs them. */

#include "melu_jni.h"

#include <stdlib.h>
#include <string.h>

/* Reads numbers and text one after another. What is not there makes `broken` true. */
struct reader {
  const jint *numbers;
  size_t numbers_left;
  const char *text;
  size_t text_left;
  bool broken;
};

static jint number(struct reader *reader) {
  if (reader->numbers_left == 0) {
    reader->broken = true;
    return 0;
  }
  reader->numbers_left--;
  return *reader->numbers++;
}

static size_t count(struct reader *reader) {
  jint found = number(reader);
  if (found < 0) reader->broken = true;
  return found < 0 ? 0 : (size_t)found;
}

static melu_str string(struct reader *reader) {
  size_t len = count(reader);
  if (len > reader->text_left) {
    reader->broken = true;
    return (melu_str){0};
  }
  melu_str found = {reader->text, len};
  reader->text += len;
  reader->text_left -= len;
  return found;
}

/* How many numbers a value takes, and an item without values. */
enum { VALUE_NUMBERS = 4, ITEM_NUMBERS = 3 };

static melu_value value(struct reader *reader) {
  melu_value found = {0};
  found.kind = (uint32_t)number(reader);
  jint bits = number(reader);
  found.field = string(reader);
  found.name = string(reader);
  if (found.kind == MELU_VALUE_INDEX) found.index = (uint32_t)bits;
  if (found.kind == MELU_VALUE_NUMBER) memcpy(&found.number, &bits, sizeof found.number);
  return found;
}

/* First the numbers of items and of all values; then each item with its values. Without items
 * the values are a profile's. */
static bool read_all(JNIEnv *env, struct reader *reader, struct melu_jni_values *values) {
  values->items_len = count(reader);
  values->values_len = count(reader);
  if (values->items_len > reader->numbers_left / ITEM_NUMBERS ||
      values->values_len > reader->numbers_left / VALUE_NUMBERS) {
    reader->broken = true;
    return true;
  }
  values->items = melu_jni_alloc(env, values->items_len, sizeof *values->items);
  if (values->items == NULL) return false;
  values->values = melu_jni_alloc(env, values->values_len, sizeof *values->values);
  if (values->values == NULL) return false;
  size_t next = 0;
  for (size_t i = 0; i < values->items_len; i++) {
    melu_item item = {0};
    item.id = string(reader);
    item.title = string(reader);
    item.values_len = count(reader);
    item.values = values->values + next;
    if (item.values_len > values->values_len - next) reader->broken = true;
    if (reader->broken) return true;
    for (size_t j = 0; j < item.values_len; j++) values->values[next++] = value(reader);
    values->items[i] = item;
  }
  if (values->items_len == 0) {
    while (next < values->values_len) values->values[next++] = value(reader);
  }
  if (next < values->values_len) reader->broken = true;
  return true;
}

bool melu_jni_values(JNIEnv *env, jintArray numbers, jbyteArray text,
                     struct melu_jni_values *values) {
  memset(values, 0, sizeof *values);
  if (!melu_jni_ints(env, numbers, &values->numbers)) return false;
  if (!melu_jni_bytes(env, text, &values->text)) {
    melu_jni_drop_values(values);
    return false;
  }
  struct reader reader = {values->numbers.data, values->numbers.len, values->text.data,
                          values->text.len, false};
  bool read = read_all(env, &reader, values);
  if (read && reader.broken) {
    melu_jni_throw_java(env, "java/lang/IllegalArgumentException", "values are packed wrongly");
    read = false;
  }
  if (!read) melu_jni_drop_values(values);
  return read;
}

void melu_jni_drop_values(struct melu_jni_values *values) {
  free(values->items);
  free(values->values);
  melu_jni_drop(&values->numbers);
  melu_jni_drop(&values->text);
}
