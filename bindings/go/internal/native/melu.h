/*
 * melu: recommendations for people nobody knows yet.
 *
 * A model that was meta-trained on many people's ratings adapts to somebody new from a
 * handful of answers, in microseconds, inside your program. Where it was trained on what
 * people chose, and nothing else, an answer is what somebody chose. From nothing to a
 * recommendation, without any check:
 *
 *     melu_model *model;
 *     melu_catalog *catalog;
 *     melu_user *user;
 *     melu_questions *questions;
 *     melu_question question;
 *     melu_recommendation best[10];
 *     size_t count;
 *
 *     melu_model_open(melu_str_of("movies.melu"), NULL, &model, NULL);
 *     melu_model_catalog(model, &catalog, NULL);
 *     melu_user_new(catalog, NULL, 0, &user, NULL, NULL);
 *
 *     melu_questions_new(catalog, &questions, NULL);
 *     for (int asked = 0; asked < 3; asked++) {
 *       melu_user_next_question(user, questions, NULL, &question, NULL);
 *       melu_user_rate(user, question.item, 4.5f, NULL); // the answer
 *     }
 *     melu_user_recommend(user, NULL, best, 10, &count, NULL);
 *
 *     melu_questions_free(questions);
 *     melu_user_free(user);
 *     melu_catalog_free(catalog);
 *     melu_model_free(model);
 *
 * The rules for all functions:
 *
 * Status.   A function that can fail returns a melu_status, 0 for success, and takes,
 *           last, a melu_error of yours, which may be NULL: it gets the status and a
 *           message that names the argument and the value. No global or thread-local
 *           variable keeps anything between calls; nothing is printed, and no function
 *           exits or throws. After a failure, handles are unchanged unless the function
 *           says otherwise, and its outputs are zero or NULL.
 * Handles.  melu_model, melu_catalog, melu_user and melu_questions are made by functions
 *           that write them to your variable, and belong to you until you free them. Each
 *           keeps alive what it was made of, so they may be freed in any order. Freeing
 *           NULL does nothing.
 * Threads.  A const handle may be used by any number of threads at once, a handle that
 *           is not const by one at a time, and by none while it is freed.
 * Lists.    A pointer, and beside it a count or a capacity in elements, never in bytes
 *           unless the elements are bytes. NULL with a count of 0 is an empty list.
 *           Nothing is written beyond a capacity; lists must not overlap.
 * Strings.  melu_str is UTF-8 with a length, and need not end with NUL.
 * Structs.  One that begins with struct_size is zeroed and given its own size before it
 *           is passed:
 *               melu_recommend_options options = {0};
 *               options.struct_size = sizeof options;
 *           Later versions may add members at its end; zero keeps the meaning of before.
 * Memory.   Adapting, scoring, predicting and recommending allocate nothing once the
 *           catalogue has a scratch for each call that computes at the same time, unless
 *           a call takes threads, more ratings or more new items than any before.
 *           Where there is no memory for what grows with a file or an argument, or for
 *           anything else of 1 KB or more, a function returns MELU_STATUS_OUT_OF_MEMORY,
 *           and what it was given is as before. A thread without memory is done without.
 *           What takes some hundred bytes, a message, and the buffer in which a text with
 *           escapes in a file's header is read are the exceptions: without memory for
 *           them, Rust aborts the process.
 * Panics.   An error of the library itself does not unwind into your program: it is
 *           MELU_STATUS_PANIC, and the handle refuses further use.
 *
 * This file is made from src/ffi by cbindgen, and is not edited by hand.
 */

#ifndef MELU_H
#define MELU_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

// In the place of a count of items: all items of the catalogue, in their order.
#define MELU_ALL_ITEMS SIZE_MAX

// The version of the interface that this header describes. It rises, and the SONAME with
// it, when programs compiled against an older version can no longer run.
#define MELU_ABI_VERSION 1

// Size of an error's message, its final NUL included.
#define MELU_ERROR_MESSAGE_SIZE 496

// In the place of a user: the error is about none of a batch's users.
#define MELU_NO_USER 4294967295

// A value is a name from the model's vocabulary, or a number written out.
#define MELU_VALUE_NAME 0

// A value is an index into the vocabulary, for models without names.
#define MELU_VALUE_INDEX 1

// A value is a number, for numeric fields.
#define MELU_VALUE_NUMBER 2

// Fields that describe items.
#define MELU_ENTITY_ITEM 0

// Fields that describe users.
#define MELU_ENTITY_USER 1

// A field takes one value of a vocabulary.
#define MELU_FIELD_ONE 0

// A field takes any number of values of a vocabulary.
#define MELU_FIELD_MULTI 1

// A field takes a number.
#define MELU_FIELD_NUMERIC 2

// A catalogue keeps its rows in f32: 4 bytes a number.
#define MELU_DATA_TYPE_F32 0

// A catalogue keeps its rows in f16: 2 bytes a number.
#define MELU_DATA_TYPE_F16 1



// Recommendations are ordered by score: how likely the user is to choose the item and to
// like it.
#define MELU_ORDER_SCORE 0

// Recommendations are ordered by predicted rating.
#define MELU_ORDER_RATING 1

// The outcome of a call: 0, or the reason why it failed.
//
// A number is never given to another meaning, and later versions may add more.
typedef enum {
  // Done.
  MELU_STATUS_OK = 0,
  // An argument is invalid: NULL where that is not allowed, a `struct_size` that is
  // too small, a list that does not match another one.
  MELU_STATUS_INVALID_ARGUMENT = 1,
  // A string is not UTF-8.
  MELU_STATUS_INVALID_UTF8 = 2,
  // The capacity of an output is too small; the required length was written.
  MELU_STATUS_CAPACITY = 3,
  // The operating system refused to open or read a file, or it is not a regular file.
  MELU_STATUS_IO = 4,
  // The weight file breaks the format.
  MELU_STATUS_WEIGHT_FILE = 5,
  // The model has no field of that name.
  MELU_STATUS_UNKNOWN_FIELD = 6,
  // A field cannot have that value.
  MELU_STATUS_FIELD_VALUE = 7,
  // An item's index is beyond the end of the catalogue.
  MELU_STATUS_ITEM_INDEX = 8,
  // A rating is invalid: it is not finite; more than a tenth of the scale's width beyond
  // the scale of the training data; or for a model of clicks neither 0 nor 1.
  MELU_STATUS_RATING = 9,
  // A result is not a finite number: ratings are too large to adapt to, and the user is
  // reset; or a score is not, as with a damaged weight file.
  MELU_STATUS_DIVERGED = 10,
  // There is no such item, or no item is left to choose from.
  MELU_STATUS_NOT_FOUND = 11,
  // The model does not have this: a catalogue, evidence, ratings, deviations, vectors.
  MELU_STATUS_NOT_AVAILABLE = 12,
  // The bytes are not a complete saved user.
  MELU_STATUS_SAVED_USER = 13,
  // Memory ran out; nothing was changed.
  MELU_STATUS_OUT_OF_MEMORY = 14,
  // The library failed because of a defect of its own. The handles of that call refuse
  // further use with this status, and can only be freed. Please report it.
  MELU_STATUS_PANIC = 15,
  // It would take more memory than `max_memory` of `melu_open_options` allows; nothing
  // was changed. Functions that make catalogues, adapt, score, recommend or ask return it
  // as they return `OUT_OF_MEMORY`.
  MELU_STATUS_MEMORY_LIMIT = 16,
} melu_status;

// Items with their embeddings, known by index from 0.
//
// Owner: whoever made it; free it with `melu_catalog_free`. Lifetime: keeps its model
// alive, and users keep it alive, so it may be freed before them. Threads: any number at
// once; it never changes. Cost: one row of some hundred numbers an item, of 4 bytes each
// or of 2: see `melu_catalog_convert`; those of a weight file's own items are in the
// file, and shared. It also owns the scratch memory of calls: some 400 KB, and for each
// item one bit, and 4 bytes if there are no more than 65,536, times the largest number of
// calls that ran at once, up to 64.
typedef struct melu_catalog melu_catalog;

// A meta-trained model: an opened weight file.
//
// Owner: whoever opened it; free it with `melu_model_free`. Lifetime: catalogues and
// users keep the parts that they need alive, so it may be freed before them. Threads:
// any number at once. Cost: the weights are read in place, in the mapped file or in
// memory.
typedef struct melu_model melu_model;

// The workspace in which questions to users of one catalogue are chosen; it holds
// nothing about a user.
//
// Owner: whoever made it; free it with `melu_questions_free`. Lifetime: keeps its
// catalogue alive. Threads: one at a time. It serves any number of users; make one for
// each thread. Cost: a scratch of its own, two floats an item, and a few matrices as
// wide as the head.
typedef struct melu_questions melu_questions;

// A user of one catalogue: a profile, ratings, and the head adapted to them.
//
// Owner: whoever made it; free it with `melu_user_free`. Lifetime: keeps its catalogue
// and model alive. Threads: functions that take it as const may run at once, in any
// number; others alone. Different users are independent. Cost: profile, ratings and
// head, some 3 KB with a model of the default recipe; the scratch memory of calls
// belongs to the catalogue.
typedef struct melu_user melu_user;

// UTF-8 text that need not end with NUL.
//
// Owner: whoever made the text; a `melu_str` only points to it. An argument is read
// during the call and not kept. A result lives as long as the handle that it comes from,
// and one that comes from no handle for ever.
typedef struct {
  // The first byte; may be NULL if `len` is 0.
  const char *data;
  // Length in bytes.
  size_t len;
} melu_str;

// Options for opening a model. All 0 but `struct_size` is the same as NULL.
typedef struct {
  // `sizeof(melu_open_options)`.
  size_t struct_size;
  // The most bytes that a catalogue of the model computes, and the most of what a call
  // computes in: a small file can describe items by very many numbers. What would take
  // more fails with `MEMORY_LIMIT`. A catalogue that the file has computed already, as
  // melu's own files do, takes none. 0: 1 GiB.
  size_t max_memory;
  // For `melu_model_open`. Not 0: the file is read into memory instead of mapped. Then it
  // may be truncated or changed in place, and processes share none of it.
  uint32_t copy;
  // For `melu_model_open_bytes`. Not 0: the bytes are used in place, and must stay there
  // unchanged until the model and everything made from it is freed. Best aligned to 64
  // bytes. 0: they are copied.
  uint32_t borrow;
  // Called once when borrowed bytes are no longer needed, by whichever thread frees
  // the last handle; it must not call back into the library, and must return without
  // an exception or a jump. May be NULL. Not called if the model cannot be opened.
  void (*release)(void *context);
  // The argument of `release`.
  void *context;
} melu_open_options;

// An error: its status and its message, in a struct of the caller's, which need not be
// initialised.
//
// Owner: the caller. Threads: whoever may use the struct. Cost: nothing unless a call
// fails; it holds no memory and needs no freeing.
//
// Every function that takes one writes it, whether it fails or not.
typedef struct {
  // The status that the function returned.
  melu_status status;
  // The user of a batch that it is about: an index in `users`. Otherwise, and after
  // success, `MELU_NO_USER`.
  uint32_t user;
  // Length in bytes of the whole message. If it is not below the size of `message`,
  // the message is cut.
  size_t length;
  // The message: names the argument, file, field, index and value concerned. UTF-8,
  // ends with NUL, and is empty after success.
  char message[MELU_ERROR_MESSAGE_SIZE];
} melu_error;

// A model's properties.
typedef struct {
  // `sizeof(melu_model_details)`, set by the caller.
  size_t struct_size;
  // A number that identifies the model; saved users hold their model's.
  uint64_t fingerprint;
  // The number of fields of a user.
  size_t user_fields;
  // The number of fields of an item.
  size_t item_fields;
  // The number of items in the weight file.
  size_t items;
  // The number of evidence candidates in the weight file.
  size_t evidence;
  // The number of parameters of the head for ratings, which adapts to a user; 0
  // without one.
  size_t head_parameters;
  // The width of the vectors of `melu_user_vector` and `melu_catalog_item_vectors`; 0
  // without a head for choosing.
  size_t vector_width;
  // Not 0: there is a head for choosing, and a score measures how likely a user is to
  // choose an item and to like it. 0: a score is the predicted rating.
  uint32_t choice;
  // Not 0: the model predicts ratings. 0: it was trained on positive-only data, that
  // is, on people's choices without ratings.
  uint32_t ratings;
  // Not 0: ratings are clicks, 0 or 1, and predictions are probabilities.
  uint32_t clicks;
  // Not 0: the model gives the deviations of predicted ratings.
  uint32_t deviations;
} melu_model_details;

// An evidence candidate: an item worth asking a new user about.
typedef struct {
  // The item's index in the weight file's own catalogue.
  uint32_t item;
  // The score by which candidates are ranked: the product of the next two.
  float score;
  // How far a rating of the item moves the head, divided by the largest.
  float gradient_norm;
  // The number of people who rated it, divided by the largest.
  float popularity;
} melu_evidence;

// A field of a model's users or items.
typedef struct {
  // `sizeof(melu_field)`, set by the caller.
  size_t struct_size;
  // Its name; it lives as long as the model's handle.
  melu_str name;
  // `MELU_FIELD_ONE`, which is 0, `MELU_FIELD_MULTI` or `MELU_FIELD_NUMERIC`.
  uint32_t kind;
  // Not 0: the values have names, see `melu_model_field_value`. 0: they are given by
  // index, or the field is numeric.
  uint32_t named;
  // The number of values; 0 of a numeric field.
  size_t values;
  // The least number in training; not a number (NaN) if it is unknown, and of fields
  // that are not numeric. Numbers beyond it are read as it.
  float lowest;
  // The greatest number in training, likewise.
  float highest;
} melu_field;

// One value of one field of a user or an item.
//
// A field with several values is given once for each. Leave out fields whose value is
// not known: a field that the model lacks is an error, `UNKNOWN_FIELD`.
// Owner: the caller; it is read during the call.
typedef struct {
  // The field's name.
  melu_str field;
  // The member that holds the value: `MELU_VALUE_NAME`, which is 0, `MELU_VALUE_INDEX`
  // or `MELU_VALUE_NUMBER`.
  uint32_t kind;
  // The value's index.
  uint32_t index;
  // The value's name. Names that the vocabulary lacks are left out, and counted.
  melu_str name;
  // The value as a number.
  float number;
} melu_value;

// An item given by its field values; it needs no ratings.
//
// Owner: the caller; it is read during the call.
typedef struct {
  // The program's own name for it, unique in the catalogue.
  melu_str id;
  // Its field values.
  const melu_value *values;
  // The number of values.
  size_t values_len;
  // The name that people know it by; empty if it has none.
  melu_str title;
} melu_item;

// A view of vectors in memory: to be read, and not to be freed.
typedef struct {
  // The first number of the first vector; NULL if there is none.
  const float *data;
  // The number of vectors.
  size_t rows;
  // The length of a vector, in numbers.
  size_t width;
  // The distance from the first number of a vector to the first of the next, in
  // numbers.
  size_t stride;
} melu_vectors;

// A report on a loaded user.
typedef struct {
  // `sizeof(melu_load_report)`, set by the caller.
  size_t struct_size;
  // Not 0: the user was saved by another model, in a catalogue of another data type,
  // or adapted in one that lacked items of theirs, and was adapted anew.
  uint32_t adapted_anew;
  // The number of the user's ratings of items that the catalogue lacks. They are kept,
  // and saved again, until the user is adapted or reset.
  size_t missing_items;
  // The number of the profile's values that the model does not know.
  size_t unknown_values;
} melu_load_report;

// Options for recommending: which items, in what order, and with how many threads.
//
// Zeroed but for its size, it means the same as NULL: the best of the catalogue by
// score, without the items that the user rated. Owner: the caller; it is read during the
// call.
typedef struct {
  // `sizeof(melu_recommend_options)`.
  size_t struct_size;
  // Items to leave out, in any order; may be NULL if there are none.
  const uint32_t *leave_out;
  // The number of items to leave out.
  size_t leave_out_len;
  // The only items to recommend, in any order, such as the results of a search or of a
  // vector index; an item that is listed twice counts once. NULL: all items of the
  // catalogue.
  const uint32_t *among;
  // The number of items in `among`. 0 is none, unless `among` is NULL.
  size_t among_len;
  // The least number of places for items that nobody chose in training, if there are
  // as many: the best of them replace the last of the others. A call with more of them
  // than any before may allocate memory for them.
  size_t new_items;
  // Not 0: adds the neighbours of the user's answers to `among`. An index of
  // `melu_catalog_item_vectors` does not find them all.
  uint32_t add_neighbours;
  // Not 0: items that the user rated may be recommended. 0: they are left out too.
  uint32_t keep_rated;
  // `MELU_ORDER_SCORE`, which is 0, or `MELU_ORDER_RATING`.
  uint32_t order;
  // Leaves out items with fewer raters in training. It has no effect if the model does
  // not know its items' raters.
  uint32_t min_raters;
  // How much less an item's popularity counts than in training: 0, as trained; 1, not
  // at all; below 0, more. It changes scores, and has no effect in the order of
  // predicted ratings or without a head for choosing. At most some million, positive or
  // negative.
  float popularity_discount;
  // The number of threads, with the calling one; 0 means 1, and no call has more than
  // 256, nor more than one for each 96 items of each user's catalogue or of `among`.
  // The result is the same for any number, to the last bit.
  uint32_t threads;
  // Not NULL: decides, by a result that is not 0, whether an item may be recommended.
  // It is called for items that would come into the list otherwise, some hundred times
  // for a list of 20, by all threads that compute, and must return without an exception
  // or a jump.
  int32_t (*filter)(uint32_t item, void *context);
  // Passed to `filter`.
  void *filter_context;
} melu_recommend_options;

// An item with its score and its predicted rating.
typedef struct {
  // The item's index in the user's catalogue.
  uint32_t item;
  // The score, by which items are ordered: how likely the user is to choose the item
  // and to like it, in a unit of its own. In the order of ratings, the predicted
  // rating.
  float score;
  // The predicted rating, in the training data's unit, or with clicks a probability.
  // NaN for a model that was trained without ratings.
  float rating;
  // The rating's standard deviation; NaN for a model that gives none.
  float deviation;
} melu_recommendation;

// Options for choosing a question: what is known of the user besides their ratings.
//
// Owner: the caller; it is read during the call.
typedef struct {
  // `sizeof(melu_question_options)`.
  size_t struct_size;
  // Items that the user was asked about and did not know, in any order. They are not
  // asked about again, and make similar items less likely to be known.
  const uint32_t *unknown;
  // The number of items that the user did not know.
  size_t unknown_len;
  // Items to leave out, in any order.
  const uint32_t *leave_out;
  // The number of items to leave out.
  size_t leave_out_len;
  // The only items to ask about, if the program knows that the user knows them. NULL:
  // any item.
  const uint32_t *known;
  // The number of items that the user is known to know.
  size_t known_len;
} melu_question_options;

// An item worth asking about.
typedef struct {
  // The item's index in the user's catalogue.
  uint32_t item;
  // The chance that the user knows it.
  float known;
  // By how much an answer would lower the mean variance of scores, weighted by the
  // chance that the user chooses the item. For a model that orders by predicted
  // rating: of predicted ratings, weighted by the chance that the user knows the item.
  // In the head's units, squared.
  float reduction;
} melu_question;

// The library's version, such as "0.1.0".
//
// Threads: any.
melu_str melu_version(void);

// The version of the library's interface: `MELU_ABI_VERSION` when it was compiled. A
// program that loads the library by hand compares the two.
//
// Threads: any.
uint32_t melu_abi_version(void);

// A status in a few words; "unknown status" for a number that this version does not
// know.
//
// Threads: any.
melu_str melu_status_str(int32_t status);

// The instruction set with which scores are computed on this processor, such as "avx2".
// Scores agree between processors to 1e-5 relative, and on one processor to the bit.
//
// Threads: any.
melu_str melu_kernel_name(void);

// Opens a weight file, and checks it.
//
// Calls check the large tables of its items where they use them: a damaged one gives
// `DIVERGED` or wrong scores, and no harm. `melu verify` reads all of a file.
//
// The file is mapped, unless `options->copy` is set. It may be deleted, or replaced by
// renaming another over it, but must not be changed in place while the model is in use:
// the operating system kills a process that reads beyond the end of a truncated file.
//
// `path` is UTF-8, and names a regular file. `options` may be NULL. `*model` is written,
// NULL after a failure.
//
// Statuses: `INVALID_ARGUMENT`, `INVALID_UTF8`, `IO`, `WEIGHT_FILE`, `OUT_OF_MEMORY`.
// Threads: any. Cost: some ten milliseconds for a million items.
melu_status melu_model_open(melu_str path,
                            const melu_open_options *options,
                            melu_model **model,
                            melu_error *error);

// Opens a weight file that lies in memory, and checks it like `melu_model_open`.
//
// `options` may be NULL: the bytes are copied, and may be freed after the call.
// `*model` is written, NULL after a failure; the bytes stay the caller's then.
//
// Statuses: `INVALID_ARGUMENT`, `WEIGHT_FILE`, `OUT_OF_MEMORY`. Threads: any. Cost: reads
// the bytes.
melu_status melu_model_open_bytes(const void *bytes,
                                  size_t bytes_len,
                                  const melu_open_options *options,
                                  melu_model **model,
                                  melu_error *error);

// Frees a model; does nothing if it is NULL. Nobody may use it meanwhile or after.
void melu_model_free(melu_model *model);

// Writes a model's properties.
//
// `details->struct_size` is set by the caller, and the other members are written.
//
// Statuses: `INVALID_ARGUMENT`. Threads: any. Cost: the first call for a model reads
// all of it, for the fingerprint.
melu_status melu_model_info(const melu_model *model,
                            melu_model_details *details,
                            melu_error *error);

// Makes a catalogue of the weight file's own items, in the file's data type.
//
// `*catalog` is written, NULL after a failure.
//
// Statuses: `INVALID_ARGUMENT`, `NOT_AVAILABLE` if the file has no items,
// `OUT_OF_MEMORY`. Threads: any. Cost: none for a file that melu wrote, whose tables it
// shares; for another, embeds every item: make it once and share it.
melu_status melu_model_catalog(const melu_model *model,
                               melu_catalog **catalog,
                               melu_error *error);

// The best items to ask a new user about, best first: up to `best_capacity` of the
// weight file's evidence candidates.
//
// `*best_len` is written: the number of elements written to `best`. `melu_model_info`
// gives the number of all candidates.
//
// Statuses: `INVALID_ARGUMENT`, `NOT_AVAILABLE` if the file has no evidence candidates.
// Threads: any. Cost: copies them.
melu_status melu_model_evidence(const melu_model *model,
                                melu_evidence *best,
                                size_t best_capacity,
                                size_t *best_len,
                                melu_error *error);

// Describes a field: the one at `index` among those of the items or of the users.
//
// `entity` is `MELU_ENTITY_ITEM` or `MELU_ENTITY_USER`; `melu_model_info` gives the
// numbers of fields. `field->struct_size` is set by the caller, and the other members are
// written.
//
// Statuses: `INVALID_ARGUMENT`, `NOT_FOUND` for an index that is not below the number of
// fields. Threads: any.
melu_status melu_model_field(const melu_model *model,
                             uint32_t entity,
                             size_t index,
                             melu_field *field,
                             melu_error *error);

// The name of a field's value; values are in the ascending order of their names' bytes.
//
// `*name` is written; it lives as long as the model's handle.
//
// Statuses: `INVALID_ARGUMENT`, `NOT_FOUND` for an index that is not below the number of
// fields or of values, `NOT_AVAILABLE` for a field whose values have no names. Threads:
// any.
melu_status melu_model_field_value(const melu_model *model,
                                   uint32_t entity,
                                   size_t index,
                                   size_t value,
                                   melu_str *name,
                                   melu_error *error);

// Makes a catalogue of items given by their field values, in the weight file's
// data type; `melu_catalog_convert` changes it.
//
// `*catalog` is written, NULL after a failure. `*unknown_values` is written unless it is
// NULL: the number of names that the model's vocabularies lack; they are left out.
//
// Statuses: `INVALID_ARGUMENT`, also for an id that occurs twice and for an item whose
// features exceed f16, `INVALID_UTF8`, `UNKNOWN_FIELD`, `FIELD_VALUE`,
// `OUT_OF_MEMORY`. Threads: any. Cost: embeds every item.
melu_status melu_catalog_new(const melu_model *model,
                             const melu_item *items,
                             size_t items_len,
                             melu_catalog **catalog,
                             size_t *unknown_values,
                             melu_error *error);

// Makes a catalogue of another one's items, at their indices, followed by more items, in
// the same data type.
//
// The other catalogue does not change, and may be freed while its users live on; so a
// service can swap the two. `*extended` is written, NULL after a failure. A user moves
// to the new catalogue by `melu_user_save` and `melu_user_load`. `*unknown_values` is
// written unless it is NULL: the number of the new items' names that the vocabularies
// lack.
//
// Statuses: those of `melu_catalog_new`. Threads: any. Cost: embeds the new items, and
// copies the rows of the others.
melu_status melu_catalog_extend(const melu_catalog *catalog,
                                const melu_item *items,
                                size_t items_len,
                                melu_catalog **extended,
                                size_t *unknown_values,
                                melu_error *error);

// Makes a catalogue of another one's items in another data type.
//
// `data_type` is `MELU_DATA_TYPE_F16`, in which rows take half the memory and scores
// change by about a thousandth of their spread, or `MELU_DATA_TYPE_F32`. The other
// catalogue does not change, and may be freed while its users live on. `*converted` is
// written, NULL after a failure. A user moves to the new catalogue by `melu_user_save`
// and `melu_user_load`, which adapts them anew.
//
// Statuses: `INVALID_ARGUMENT`, also for an item whose features exceed f16,
// `OUT_OF_MEMORY`. Threads: any. Cost: embeds every item, or nothing if the data type is
// the same: the two then share their rows.
melu_status melu_catalog_convert(const melu_catalog *catalog,
                                 uint32_t data_type,
                                 melu_catalog **converted,
                                 melu_error *error);

// Makes a catalogue of another one's items without some of them, in the other's
// data type: the items that stay keep their order, and move up.
//
// `items` are `items_len` indices, in any order. The other catalogue stays as it is, and
// may be freed while its users go on. `*smaller` is written, NULL after a failure. A user
// moves to the new catalogue by `melu_user_save` and `melu_user_load`, and keeps ratings
// of items that are gone.
//
// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`, `OUT_OF_MEMORY`. Threads: any. Cost: embeds
// the items that stay.
melu_status melu_catalog_remove(const melu_catalog *catalog,
                                const uint32_t *items,
                                size_t items_len,
                                melu_catalog **smaller,
                                melu_error *error);

// Frees a catalogue; does nothing if it is NULL. Nobody may use it meanwhile or after;
// its users live on.
void melu_catalog_free(melu_catalog *catalog);

// The number of items; 0 if `catalog` is NULL.
//
// Threads: any.
size_t melu_catalog_len(const melu_catalog *catalog);

// The index of the item with an id.
//
// `*item` is written.
//
// Statuses: `INVALID_ARGUMENT`, `INVALID_UTF8`, `NOT_FOUND`. Threads: any. Cost: a
// binary search.
melu_status melu_catalog_find(const melu_catalog *catalog,
                              melu_str id,
                              uint32_t *item,
                              melu_error *error);

// The id of the item at an index.
//
// `*id` is written; it lives as long as the catalogue's handle.
//
// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`. Threads: any.
melu_status melu_catalog_id(const melu_catalog *catalog,
                            uint32_t item,
                            melu_str *id,
                            melu_error *error);

// The title of the item at an index; empty if it has none.
//
// `*title` is written; it lives as long as the catalogue's handle.
//
// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`. Threads: any.
melu_status melu_catalog_title(const melu_catalog *catalog,
                               uint32_t item,
                               melu_str *title,
                               melu_error *error);

// The number of people who chose or rated an item in training; 0 for items that were new
// then or later.
//
// `*raters` is written.
//
// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`, `NOT_AVAILABLE` if the model does not have
// these numbers. Threads: any.
melu_status melu_catalog_raters(const melu_catalog *catalog,
                                uint32_t item,
                                uint32_t *raters,
                                melu_error *error);

// The items as vectors, for a vector index or a database: one for each item, in the
// catalogue's order.
//
// The inner product of an item's vector and the user's, from `melu_user_vector`, is the
// item's score, but for the parts from neighbours of the user's answers and from the
// predicted rating. So an index by inner product finds candidates; `melu_user_score`
// computes their scores, and `melu_user_recommend` orders them, given as `among` with
// `add_neighbours`. The last two of a vector's numbers are the item's bias, which puts
// popular items first, and 1 for an item that nobody chose in training.
//
// `*vectors` is written; the vectors live as long as the catalogue's handle.
//
// Statuses: `INVALID_ARGUMENT`, `NOT_AVAILABLE` for a model without a head for choosing.
// Threads: any. Cost: none; nothing is copied.
melu_status melu_catalog_item_vectors(const melu_catalog *catalog,
                                      melu_vectors *vectors,
                                      melu_error *error);

// Makes a user with a profile: values by field, in any order. Leave out fields whose
// value is not known.
//
// `*user` is written, NULL after a failure. `*unknown_values` is written unless it is
// NULL: the number of names that the model's vocabularies lack, which are left out, and
// of numbers far beyond the training data's, which count as the nearest one there.
//
// Statuses: `INVALID_ARGUMENT`, `INVALID_UTF8`, `UNKNOWN_FIELD`, `FIELD_VALUE`,
// `OUT_OF_MEMORY`. Threads: any. Cost: allocates the user's memory for up to 64 ratings.
melu_status melu_user_new(const melu_catalog *catalog,
                          const melu_value *profile,
                          size_t profile_len,
                          melu_user **user,
                          size_t *unknown_values,
                          melu_error *error);

// Frees a user; does nothing if it is NULL. Nobody may use it meanwhile or after.
void melu_user_free(melu_user *user);

// Adapts the user to all of their ratings, which replace the ratings before.
//
// `ratings[i]` is the rating of `items[i]`, in the training data's unit; with clicks, 0
// or 1. For a model of positive-only data, every item listed was chosen, and its rating
// is the weight of that choice as in the training data, or 1. An item that is listed
// twice counts twice. Without ratings it does the same as `melu_user_reset`.
//
// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`, `RATING`, `OUT_OF_MEMORY`: the user is
// unchanged. `DIVERGED`: the user is reset. Threads: one at a time. Cost: microseconds.
// Nothing is allocated for up to 64 ratings, or as many as the user had before, once the
// catalogue has a scratch for each call that computes at the same time; a call with more
// than 96 ratings may enlarge a scratch.
melu_status melu_user_adapt(melu_user *user,
                            const uint32_t *items,
                            const float *ratings,
                            size_t ratings_len,
                            melu_error *error);

// Forgets the user's ratings, but not the profile.
//
// Statuses: `INVALID_ARGUMENT`. Threads: one at a time.
melu_status melu_user_reset(melu_user *user, melu_error *error);

// Scores items: `scores[i]` is the score of `items[i]`, by which recommendations are
// ordered.
//
// A score measures how likely the user is to choose the item and to like it, in a unit
// of its own: only scores of one user can be compared. For a model without a head for
// choosing (`choice` of `melu_model_details`) it is the predicted rating.
//
// If `items_len` is `MELU_ALL_ITEMS`, `items` is not read, and the whole catalogue is
// scored. `scores` has a capacity of `capacity` numbers. `*needed` is written unless it
// is NULL: the number of scores.
//
// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`, `CAPACITY`, `OUT_OF_MEMORY`; no score is
// written then. `DIVERGED` for a score that is not finite, as with a damaged weight
// file; what is written then is of no use. Threads: any number at once, while nobody
// changes the user. Cost: nothing is allocated once the catalogue has a scratch for each
// call that computes at the same time.
melu_status melu_user_score(const melu_user *user,
                            const uint32_t *items,
                            size_t items_len,
                            float *scores,
                            size_t capacity,
                            size_t *needed,
                            melu_error *error);

// Predicts ratings: `ratings[i]` is what the user would rate `items[i]` if they tried
// it, in the training data's unit, or with clicks a probability.
//
// `deviations` may be NULL; otherwise `deviations[i]` is the standard deviation of the
// user's rating of `items[i]` around the prediction. Both lists have a capacity of
// `capacity` numbers. `items_len` may be `MELU_ALL_ITEMS`, and `*needed` is written,
// like for `melu_user_score`.
//
// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`, `CAPACITY`, `OUT_OF_MEMORY`, and
// `NOT_AVAILABLE` for a model that predicts no ratings, or gives no deviations if they
// are asked for (`ratings` and `deviations` of `melu_model_details`); nothing is
// predicted then. `DIVERGED` like for `melu_user_score`. Threads: any number at once,
// while nobody changes the user. Cost: nothing is allocated once the catalogue has a
// scratch for each call that computes at the same time.
melu_status melu_user_predict(const melu_user *user,
                              const uint32_t *items,
                              size_t items_len,
                              float *ratings,
                              float *deviations,
                              size_t capacity,
                              size_t *needed,
                              melu_error *error);

// The user as a vector, for inner products with those of `melu_catalog_item_vectors`.
//
// It changes when the user is adapted or reset. `*needed` is written unless it is NULL:
// the vector's length, which is the same as that of items' vectors.
//
// Statuses: `INVALID_ARGUMENT`, `CAPACITY`, `NOT_AVAILABLE` for a model without a head
// for choosing. Threads: any number at once, while nobody changes the user. Cost:
// copies it.
melu_status melu_user_vector(const melu_user *user,
                             float *vector,
                             size_t capacity,
                             size_t *needed,
                             melu_error *error);

// Saves a user: profile, ratings by item id, and the adapted head, versioned and
// checked.
//
// `*bytes_len` is written: the number of bytes. With a capacity of 0, `bytes` may be
// NULL, and the status is `CAPACITY`, with the required length in `*bytes_len`.
//
// Statuses: `INVALID_ARGUMENT`, `CAPACITY`, `OUT_OF_MEMORY`: nothing is saved. Threads:
// any number at once, while nobody changes the user. Cost: the first call for a model
// reads all of it, for the fingerprint.
melu_status melu_user_save(const melu_user *user,
                           uint8_t *bytes,
                           size_t bytes_capacity,
                           size_t *bytes_len,
                           melu_error *error);

// Loads a user into a catalogue of the model that saved them, or of another.
//
// With the same model and data type, and all rated items in the catalogue, the user's
// scores are the same bits as before. Otherwise the user is adapted anew from the
// ratings. Ratings of missing items still count in predicted ratings of the same model
// until another rating changes, but not in scores. `*user` is written, NULL after a
// failure. `report` may be NULL; otherwise its `struct_size` is set by the caller, and
// the other members are written.
//
// Statuses: `INVALID_ARGUMENT`, `SAVED_USER`, `OUT_OF_MEMORY`; with another model,
// `RATING` and `DIVERGED` if it cannot learn from the ratings. Threads: any. Cost: that
// of `melu_user_new` and `melu_user_adapt`.
melu_status melu_user_load(const melu_catalog *catalog,
                           const uint8_t *bytes,
                           size_t bytes_len,
                           melu_user **user,
                           melu_load_report *report,
                           melu_error *error);

// Adds a rating, or changes the one that the user gave of the item before, and adapts the
// user to all of their ratings.
//
// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`, `RATING`, `OUT_OF_MEMORY`: the user is
// unchanged. `DIVERGED`: the user is reset. Threads: one at a time. Cost: that of
// `melu_user_adapt` with all ratings.
melu_status melu_user_rate(melu_user *user,
                           uint32_t item,
                           float rating,
                           melu_error *error);

// Withdraws the user's rating of an item, and adapts the user to the others.
//
// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`, `NOT_FOUND` if the user did not rate the
// item, `OUT_OF_MEMORY`: the user is unchanged. `DIVERGED`: the user is reset. Threads:
// one at a time. Cost: that of `melu_user_adapt` with the other ratings.
melu_status melu_user_withdraw(melu_user *user, uint32_t item, melu_error *error);

// The ratings that the user is adapted to: `ratings[i]` is that of `items[i]`.
//
// Both lists hold up to `capacity` elements. `*needed` is written: the number of ratings.
// With a capacity of 0 both lists may be NULL, and the status `CAPACITY` comes with the
// capacity that is needed.
//
// Statuses: `INVALID_ARGUMENT`, `CAPACITY`: nothing is written to the lists. Threads: any
// number at once, while nobody changes the user. Cost: copies them.
melu_status melu_user_ratings(const melu_user *user,
                              uint32_t *items,
                              float *ratings,
                              size_t capacity,
                              size_t *needed,
                              melu_error *error);

// The values of the user's profile that the model does not know, in the order in which
// they were given: names that its vocabularies lack, and numbers far beyond those of the
// training data.
//
// `values` holds up to `capacity` elements, whose texts live as long as the user's
// handle. `*needed` is written unless it is NULL: the number of values.
//
// Statuses: `INVALID_ARGUMENT`, `CAPACITY`, `OUT_OF_MEMORY`: nothing is written to the
// list. Threads: any number at once, while nobody changes the user.
melu_status melu_user_unknown_profile(const melu_user *user,
                                      melu_value *values,
                                      size_t capacity,
                                      size_t *needed,
                                      melu_error *error);

// The best items of the user's catalogue or of a list, best first, up to
// `best_capacity`; of equal ones the one with the lower index first.
//
// `options` may be NULL: the items that the user rated are left out. `*best_len` is
// written: the number of elements written to `best`, less than its capacity only if
// there are no more items; 0 after a failure.
//
// Statuses: `INVALID_ARGUMENT`, also for an unknown order and a discount beyond its
// range, `ITEM_INDEX`, `NOT_AVAILABLE` for an order by ratings with a model that
// predicts none, `DIVERGED` for a score that is not finite, as with a damaged weight
// file, `OUT_OF_MEMORY`. Threads: any number at once, while nobody changes the user.
// With `options->threads` above 1, others work beside the calling one, and end with the
// call; threads that the system does not start are left out. Cost: scores the catalogue,
// or the list, and predicts the ratings of the items found. Once the catalogue has a
// scratch for each call that computes at the same time, memory is allocated only for
// more new items than before and for threads: each beyond the calling one takes some 50
// microseconds to start, some hundred kilobytes, and a list of `best_capacity`
// recommendations.
melu_status melu_user_recommend(const melu_user *user,
                                const melu_recommend_options *options,
                                melu_recommendation *best,
                                size_t best_capacity,
                                size_t *best_len,
                                melu_error *error);

// Prepares questions about a catalogue's items.
//
// `*questions` is written, NULL after a failure.
//
// Statuses: `INVALID_ARGUMENT`, `NOT_AVAILABLE` if the model orders by predicted rating
// and gives no deviations (`deviations` of `melu_model_details`), `OUT_OF_MEMORY`.
// Threads: any. Cost: allocates all memory for choosing questions.
melu_status melu_questions_new(const melu_catalog *catalog,
                               melu_questions **questions,
                               melu_error *error);

// Frees the workspace of questions; does nothing if it is NULL. Nobody may use it
// meanwhile or after.
void melu_questions_free(melu_questions *questions);

// The best item to ask the user about next, given their ratings.
//
// `options` may be NULL: nothing is known besides the ratings. `*question` is written.
//
// Statuses: `INVALID_ARGUMENT`, also for questions of another catalogue than the user's,
// `ITEM_INDEX`, `NOT_FOUND` if no item is left to ask about, `OUT_OF_MEMORY`, `DIVERGED`.
// Threads: one at a time for the questions; nobody may change the user meanwhile. Cost:
// two passes over the catalogue.
melu_status melu_user_next_question(const melu_user *user,
                                    melu_questions *questions,
                                    const melu_question_options *options,
                                    melu_question *question,
                                    melu_error *error);

// Adapts and recommends for many users in one call: for programs whose calls into C are
// expensive, and to let several threads work on one call.
//
// `users` are `users_len` users, of one catalogue or of several. If `offsets` is NULL,
// the users are not adapted. Otherwise `offsets` are `users_len` + 1 numbers from 0 to
// `ratings_len` that never fall: user `u` is adapted to the items and ratings from
// `offsets[u]` to `offsets[u + 1]`, like by `melu_user_adapt`.
//
// `best` has a capacity of `users_len` times `best_capacity`: the recommendations of
// user `u` begin at `u` times `best_capacity`, like those of `melu_user_recommend`, with
// the same `options` for all. `best_lens` are `users_len` numbers, all of which are
// written.
//
// Statuses: those of the two functions. After a failure, `error->user` and the message
// name the first user that failed. The users before it are done; for that user and those
// after it, `best_lens` is 0. Some of those after it may be adapted already.
//
// Threads: with `offsets`, one at a time for each of the users. With `options->threads`
// above 1, the threads take users in turn; users that are adapted must differ.
// Threads beyond the number of users share the users' catalogues, like in
// `melu_user_recommend`. Cost: that of the two functions.
// In catalogues of more than 1,000 items, eight users' lists are made side by side, which
// takes less time.
melu_status melu_recommend_batch(melu_user *const *users,
                                 size_t users_len,
                                 const size_t *offsets,
                                 const uint32_t *items,
                                 const float *ratings,
                                 size_t ratings_len,
                                 const melu_recommend_options *options,
                                 melu_recommendation *best,
                                 size_t best_capacity,
                                 size_t *best_lens,
                                 melu_error *error);

// A string that ends with NUL as a melu_str; NULL is the empty one.
static inline melu_str melu_str_of(const char *text) {
  melu_str string = {text, text ? strlen(text) : 0};
  return string;
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* MELU_H */
