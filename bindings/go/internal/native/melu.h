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
 *     melu_evidence questions[3];
 *     melu_recommendation best[10];
 *     size_t count;
 *
 *     melu_model_open(melu_str_of("movies.melu"), &model, NULL);
 *     melu_model_catalog(model, &catalog, NULL);
 *     melu_user_new(catalog, NULL, 0, &user, NULL, NULL);
 *
 *     melu_model_evidence(model, questions, 3, &count, NULL);    what to ask
 *     uint32_t items[] = {questions[0].item, questions[1].item};
 *     float ratings[] = {4.5f, 2.0f};                            the answers
 *     melu_user_adapt(user, items, ratings, 2, NULL);
 *     melu_user_recommend(user, NULL, best, 10, &count, NULL);
 *
 *     melu_user_free(user);
 *     melu_catalog_free(catalog);
 *     melu_model_free(model);
 *
 * What holds for all functions:
 *
 * Status.   A function that can fail returns a melu_status, 0 for success, and takes,
 *           last, a melu_error of yours, which may be NULL: it gets the status and a
 *           message that names the argument and the value. No global or thread-local
 *           variable keeps anything between calls; nothing is printed, and no function
 *           exits or throws. After a failure, handles are as before, unless the function
 *           says otherwise, and what it would have written is zero or NULL.
 * Handles.  melu_model, melu_catalog, melu_user and melu_questions are made by functions
 *           that write them to your variable, and belong to you until you free them. Each
 *           keeps alive what it was made from, so they may be freed in any order. Freeing
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
 *           Later versions may add members at its end; zero is what was meant before.
 * Memory.   Adapting, scoring, predicting and recommending allocate nothing once the user
 *           exists, unless a call is given threads or keeps places for new items.
 *           Other functions return MELU_STATUS_OUT_OF_MEMORY when there is none for the
 *           largest of what they need: the copy of a file's bytes, a list of items or of
 *           values, a catalogue's rows, a user's ratings. Where less is missing, as for a
 *           message or a name, Rust aborts the process.
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

// Version of the interface that this header describes. It rises when a program that
// was compiled against an older one could no longer run, and the SONAME with it.
#define MELU_ABI_VERSION 1

// Size of an error's message, its final NUL included.
#define MELU_ERROR_MESSAGE_SIZE 496

// In the place of a user: an error is about none of a batch's.
#define MELU_NO_USER 4294967295

// A value is a name from the model's vocabulary, or a number written out.
#define MELU_VALUE_NAME 0

// A value is an index into the vocabulary, for models without names.
#define MELU_VALUE_INDEX 1

// A value is a number, for numeric fields.
#define MELU_VALUE_NUMBER 2

// A catalogue keeps its rows in single precision: 4 bytes a number.
#define MELU_PRECISION_F32 0

// A catalogue keeps its rows in half precision: 2 bytes a number.
#define MELU_PRECISION_F16 1



// Recommendations are ordered by score: how likely the user is to choose the item and to
// like it.
#define MELU_ORDER_SCORE 0

// Recommendations are ordered by predicted rating.
#define MELU_ORDER_RATING 1

// What became of a call: 0, or why it failed.
//
// A number is never given to another meaning, and later versions may add more.
typedef enum {
  // Done.
  MELU_STATUS_OK = 0,
  // An argument cannot be: NULL where that is not allowed, a `struct_size` that is
  // too small, a list that does not fit another one.
  MELU_STATUS_INVALID_ARGUMENT = 1,
  // A string is not UTF-8.
  MELU_STATUS_INVALID_UTF8 = 2,
  // An output has too little room; the length that would do was written.
  MELU_STATUS_CAPACITY = 3,
  // The operating system refused to open or read a file.
  MELU_STATUS_IO = 4,
  // The weight file breaks the format.
  MELU_STATUS_WEIGHT_FILE = 5,
  // The model has no field of that name.
  MELU_STATUS_UNKNOWN_FIELD = 6,
  // A field cannot have that value.
  MELU_STATUS_FIELD_VALUE = 7,
  // An item's index is beyond the end of the catalogue.
  MELU_STATUS_ITEM_INDEX = 8,
  // A rating cannot be learned from: it is not finite, or not 0 or 1 for a model of
  // clicks.
  MELU_STATUS_RATING = 9,
  // The ratings are so large that the adapted head is not finite; the user is reset.
  MELU_STATUS_DIVERGED = 10,
  // There is no such item, or nothing left to choose from.
  MELU_STATUS_NOT_FOUND = 11,
  // The model does not have what was asked for: a catalogue, evidence, ratings,
  // deviations, vectors.
  MELU_STATUS_NOT_AVAILABLE = 12,
  // The bytes are not a saved user, or not whole.
  MELU_STATUS_SAVED_USER = 13,
  // Memory ran out; nothing was changed.
  MELU_STATUS_OUT_OF_MEMORY = 14,
  // The library failed in a way that it should not. The handles of that call refuse
  // further use with this status, and can only be freed. Please report it.
  MELU_STATUS_PANIC = 15,
} melu_status;

// Items with their embeddings, known by index from 0.
//
// Owner: whoever made it; free it with `melu_catalog_free`. Lifetime: keeps its model
// alive, and users keep it alive, so it may be freed before them. Threads: any number
// at once; it never changes. Cost: one row of some hundred numbers an item, of 4 bytes
// each or of 2: see `melu_catalog_convert`. What its users compute in belongs to it too:
// a scratch of some 400 KB and a bit for each item, for each call that ever ran at the
// same time as others, up to 64.
typedef struct melu_catalog melu_catalog;

// A meta-trained model: an opened weight file.
//
// Owner: whoever opened it; free it with `melu_model_free`. Lifetime: catalogues and
// users keep what they need of it alive, so it may be freed before them. Threads: any
// number at once. Cost: the weights are read where they lie, in the mapped file or in
// memory.
typedef struct melu_model melu_model;

// What questions to users of one catalogue are chosen in, and nothing that is known of a
// user.
//
// Owner: whoever made it; free it with `melu_questions_free`. Lifetime: keeps its
// catalogue alive. Threads: one at a time. It serves any number of users; make one for
// each thread. Cost: a scratch of its own, two floats an item, and a few matrices as wide
// as the head.
typedef struct melu_questions melu_questions;

// A user of one catalogue: a profile, ratings, and the head adapted to them.
//
// Owner: whoever made it; free it with `melu_user_free`. Lifetime: keeps its catalogue
// and model alive. Threads: functions that take it as const may run at once, in any
// number; others alone. As many users at once as there are threads. Cost: profile,
// ratings and head, some 3 KB with a model of the default recipe; what calls compute in
// belongs to the catalogue.
typedef struct melu_user melu_user;

// UTF-8 text that need not end with NUL.
//
// Owner: whoever made the text; a `melu_str` only points to it. One that a function
// takes is read during the call and not kept. One that a function gives lives as long
// as the handle that it was asked of, and one that needs no handle for ever.
typedef struct {
  // The first byte; may be NULL if `len` is 0.
  const char *data;
  // Length in bytes.
  size_t len;
} melu_str;

// What went wrong, and where: a struct of the caller's, which need not be
// initialised.
//
// Owner: the caller. Threads: whoever may use the struct. Cost: nothing unless a call
// fails; it holds no memory and needs no freeing.
//
// Every function that takes one writes it, whether it fails or not.
typedef struct {
  // The status that the function returned.
  melu_status status;
  // Which user of a batch it is about: a place in `users`, counted from 0. Else, and
  // after success, `MELU_NO_USER`.
  uint32_t user;
  // Length in bytes of the whole message. If it is not below the size of `message`,
  // the message is cut.
  size_t length;
  // The message: names the argument, file, field, index and value concerned. UTF-8,
  // ends with NUL, and is empty after success.
  char message[MELU_ERROR_MESSAGE_SIZE];
} melu_error;

// What bytes that are opened as a model may be used for.
typedef struct {
  // `sizeof(melu_bytes_options)`.
  size_t struct_size;
  // Not 0: the bytes are used where they lie, and must stay there unchanged until
  // the model and all that was made from it is freed. Best aligned to 64 bytes. 0:
  // they are copied.
  uint32_t borrow;
  // Called once when borrowed bytes are no longer needed, by whichever thread frees
  // the last handle; it must not call back into the library. May be NULL. Not called
  // if the model cannot be opened.
  void (*release)(void *context);
  // Given to `release`.
  void *context;
} melu_bytes_options;

// What a model is like.
typedef struct {
  // `sizeof(melu_model_details)`, set by the caller.
  size_t struct_size;
  // Tells the model from others: a saved user knows its model by it.
  uint64_t fingerprint;
  // How many fields describe a user.
  size_t user_fields;
  // How many fields describe an item.
  size_t item_fields;
  // How many items the weight file has.
  size_t items;
  // How many evidence candidates the weight file has.
  size_t evidence;
  // How many numbers the head for ratings has, which adapts to a user; 0 without one.
  size_t head_parameters;
  // How many numbers the vectors of users and items have that `melu_user_vector` and
  // `melu_catalog_item_vectors` give; 0 without a head for choosing.
  size_t vector_width;
  // Not 0: there is a head for choosing, and scores tell how likely a user is to choose
  // an item and to like it. 0: a score is the predicted rating.
  uint32_t choice;
  // Not 0: the model predicts ratings. 0: it was trained on positive-only data, which
  // tell what people chose, and nothing else.
  uint32_t ratings;
  // Not 0: ratings are clicks, 0 or 1, and predicted ones are probabilities.
  uint32_t clicks;
  // Not 0: the model knows how far a rating may lie from the predicted one.
  uint32_t deviations;
} melu_model_details;

// An evidence candidate: an item worth asking a new user about.
typedef struct {
  // The item's index in the weight file's own catalogue.
  uint32_t item;
  // What candidates are ranked by, best first: the product of the next two.
  float score;
  // How far a rating of it moves the head, divided by the largest.
  float gradient_norm;
  // How many people rated it, divided by the largest.
  float popularity;
} melu_evidence;

// One value of one field of a user or an item.
//
// A field that takes several values is given once for each. A field of which nothing
// is known is left out. Owner: the caller; it is read during the call.
typedef struct {
  // The field's name.
  melu_str field;
  // Which of the next three counts: `MELU_VALUE_NAME`, which is 0, `MELU_VALUE_INDEX`
  // or `MELU_VALUE_NUMBER`.
  uint32_t kind;
  // The value's index.
  uint32_t index;
  // The value's name. One that the vocabulary lacks is left out, and counted.
  melu_str name;
  // The value as a number.
  float number;
} melu_value;

// An item given by its field values: nobody need have rated it.
//
// Owner: the caller; it is read during the call.
typedef struct {
  // What the program calls it; no two alike.
  melu_str id;
  // Its values.
  const melu_value *values;
  // How many values.
  size_t values_len;
} melu_item;

// Vectors as they lie in memory, one after another: to be read, and not to be freed.
typedef struct {
  // The first number of the first vector; NULL if there is none.
  const float *data;
  // How many vectors there are.
  size_t rows;
  // How many numbers a vector has.
  size_t width;
  // How many numbers lie between the first of a vector and the first of the next.
  size_t stride;
} melu_vectors;

// What became of a user that was loaded.
typedef struct {
  // `sizeof(melu_load_report)`, set by the caller.
  size_t struct_size;
  // Not 0: the user was saved by another model, or in a catalogue of another
  // precision, and was adapted anew.
  uint32_t adapted_anew;
  // How many of the user's ratings are of items that the catalogue lacks. They are
  // kept, and saved again, until the user is adapted or reset.
  size_t missing_items;
  // How many of the profile's values the model does not know.
  size_t unknown_values;
} melu_load_report;

// Which items are recommended, in what order, and how many threads look for them.
//
// Zeroed but for its size, it is what NULL is: the best of the catalogue by score,
// without what the user rated. Owner: the caller; it is read during the call.
typedef struct {
  // `sizeof(melu_recommend_options)`.
  size_t struct_size;
  // Items that are left out, in any order; may be NULL if there are none.
  const uint32_t *leave_out;
  // How many items are left out.
  size_t leave_out_len;
  // The only items to recommend, in any order, as a search or an index of vectors found
  // them; one that is there twice counts once. NULL: all items of the catalogue.
  const uint32_t *among;
  // How many items there are to recommend of. 0 is none, unless `among` is NULL.
  size_t among_len;
  // At least so many places go to items that nobody chose in training, if there are as
  // many: the best of them take the last places of others. The first call for a user
  // that keeps more than those before allocates room for them.
  size_t new_items;
  // Not 0: items that neighbours of the user's answers speak for or against may be
  // recommended too where `among` lacks them. An index of `melu_catalog_item_vectors`
  // does not find them all.
  uint32_t add_neighbours;
  // Not 0: what the user rated may be recommended. 0: it is left out too.
  uint32_t keep_rated;
  // `MELU_ORDER_SCORE`, which is 0, or `MELU_ORDER_RATING`.
  uint32_t order;
  // Items with fewer raters in training are left out; of a model that does not know its
  // items' raters, none is.
  uint32_t min_raters;
  // How much less it counts than in training that an item is much chosen: 0, as
  // trained; 1, not at all; below 0, more. It moves scores, and so nothing in the order
  // of predicted ratings or of a model without a head for choosing.
  float popularity_discount;
  // How many threads compute, the calling one among them; 0 is as good as 1, and no
  // call has more than 256, nor more than one for each 96 items of each user's
  // catalogue or of `among`. The result is the same for any number, to the last bit.
  uint32_t threads;
} melu_recommend_options;

// An item, its score, and what the user would rate it.
typedef struct {
  // The item's index in the user's catalogue.
  uint32_t item;
  // What it was ordered by: a score in a unit of its own, of how likely the user is to
  // choose the item and to like it; or the predicted rating.
  float score;
  // The predicted rating, in the training data's unit, or with clicks a probability.
  // NaN of a model that was trained without ratings.
  float rating;
  // The standard deviation of that; NaN where the model knows none.
  float deviation;
} melu_recommendation;

// What is known besides the ratings when a question is chosen.
//
// Owner: the caller; it is read during the call.
typedef struct {
  // `sizeof(melu_question_options)`.
  size_t struct_size;
  // Items that the user was asked about and did not know, in any order: they are not
  // asked again, and tell what else the user may not know.
  const uint32_t *unknown;
  // How many items the user did not know.
  size_t unknown_len;
  // Items that are not to be asked about, in any order.
  const uint32_t *leave_out;
  // How many items are not to be asked about.
  size_t leave_out_len;
  // The only items to ask about, where the program knows that the user knows them.
  // NULL: any item.
  const uint32_t *known;
  // How many items the user is known to know.
  size_t known_len;
} melu_question_options;

// An item worth asking about.
typedef struct {
  // The item's index in the user's catalogue.
  uint32_t item;
  // The chance that the user knows it.
  float known;
  // By how much an answer would lower the mean variance of what the user's vector says
  // of items, each counting by the chance that the user chooses it; of a model that
  // orders by predicted rating, that of all ratings. In the head's units, squared.
  float reduction;
} melu_question;

// The library's version, as in "0.1.0".
//
// Threads: any.
melu_str melu_version(void);

// The version of the interface that the library has: `MELU_ABI_VERSION` when it was
// compiled. A program that loads the library by hand compares the two.
//
// Threads: any.
uint32_t melu_abi_version(void);

// What a status means in a few words; "unknown status" for a number that this version
// does not know.
//
// Threads: any.
melu_str melu_status_str(int32_t status);

// The instructions that this processor's scores are computed with, as in "avx2".
// Scores agree between processors to 1e-5 relative, and on one processor to the bit.
//
// Threads: any.
melu_str melu_kernel_name(void);

// Opens a weight file, and checks all of it.
//
// The file is mapped. It may be deleted, or replaced by renaming another over it, but
// must not be changed in place while the model is in use: the operating system kills a
// process that reads what was cut off.
//
// `path` is UTF-8. `*model` is written, NULL after a failure.
//
// Statuses: `INVALID_UTF8`, `IO`, `WEIGHT_FILE`. Threads: any. Cost: reads the file.
melu_status melu_model_open(melu_str path, melu_model **model, melu_error *error);

// Opens a weight file that lies in memory, and checks all of it.
//
// `options` may be NULL: the bytes are copied, and may be freed after the call.
// `*model` is written, NULL after a failure; the bytes stay the caller's then.
//
// Statuses: `INVALID_ARGUMENT`, `WEIGHT_FILE`, `OUT_OF_MEMORY` for the copy. Threads:
// any. Cost: reads the bytes.
melu_status melu_model_open_bytes(const void *bytes,
                                  size_t bytes_len,
                                  const melu_bytes_options *options,
                                  melu_model **model,
                                  melu_error *error);

// Frees a model; nothing if it is NULL. Nobody may use it meanwhile or after.
void melu_model_free(melu_model *model);

// Says what a model is like.
//
// `details->struct_size` is set by the caller, and the other members are written.
//
// Statuses: `INVALID_ARGUMENT`. Threads: any. Cost: the first call for a model reads
// all of it, for the fingerprint.
melu_status melu_model_info(const melu_model *model,
                            melu_model_details *details,
                            melu_error *error);

// Makes a catalogue of the weight file's own items, in the precision that it says.
//
// `*catalog` is written, NULL after a failure.
//
// Statuses: `INVALID_ARGUMENT`, `NOT_AVAILABLE` if the file has no items,
// `OUT_OF_MEMORY`. Threads: any. Cost: embeds every item; make it once and share it.
melu_status melu_model_catalog(const melu_model *model,
                               melu_catalog **catalog,
                               melu_error *error);

// The items that a new user is best asked about, best first: as many of the weight
// file's evidence candidates as there is room for.
//
// `*best_len` is written: how many there are in `best`. `melu_model_info` says how many
// there are in all.
//
// Statuses: `INVALID_ARGUMENT`, `NOT_AVAILABLE` if the file has no evidence candidates.
// Threads: any. Cost: copies them.
melu_status melu_model_evidence(const melu_model *model,
                                melu_evidence *best,
                                size_t best_capacity,
                                size_t *best_len,
                                melu_error *error);

// Makes a catalogue of items given by their field values, in the precision that the
// weight file says; `melu_catalog_convert` makes another.
//
// `*catalog` is written, NULL after a failure. `*unknown_values` is written, if it is
// not NULL: how many names the model's vocabularies lack; they are left out.
//
// Statuses: `INVALID_ARGUMENT`, also for an id that is there twice and for an item that
// half precision cannot describe, `INVALID_UTF8`, `UNKNOWN_FIELD`, `FIELD_VALUE`,
// `OUT_OF_MEMORY`. Threads: any. Cost: embeds every item.
melu_status melu_catalog_new(const melu_model *model,
                             const melu_item *items,
                             size_t items_len,
                             melu_catalog **catalog,
                             size_t *unknown_values,
                             melu_error *error);

// Makes a catalogue of another one's items, at their indices, and after them more, in
// the other's precision.
//
// The other catalogue stays as it is, and may be freed while its users go on; so a
// service swaps the two. `*extended` is written, NULL after a failure. A user moves to
// the new catalogue by `melu_user_save` and `melu_user_load`. `*unknown_values` is
// written, if it is not NULL: how many of the new items' names the vocabularies lack.
//
// Statuses: as `melu_catalog_new`. Threads: any. Cost: embeds the new items, and copies
// the rows of the others.
melu_status melu_catalog_extend(const melu_catalog *catalog,
                                const melu_item *items,
                                size_t items_len,
                                melu_catalog **extended,
                                size_t *unknown_values,
                                melu_error *error);

// Makes a catalogue of another one's items in another precision.
//
// `precision` is `MELU_PRECISION_F16`, in which rows take half the memory and scores
// move by some thousandth of their spread, or `MELU_PRECISION_F32`. The other catalogue
// stays as it is, and may be freed while its users go on. `*converted` is written, NULL
// after a failure. A user moves to the new catalogue by `melu_user_save` and
// `melu_user_load`, which adapts them anew.
//
// Statuses: `INVALID_ARGUMENT`, also for an item that half precision cannot describe,
// `OUT_OF_MEMORY`. Threads: any. Cost: embeds every item, or nothing if the precision is
// the other's: the two then share their rows.
melu_status melu_catalog_convert(const melu_catalog *catalog,
                                 uint32_t precision,
                                 melu_catalog **converted,
                                 melu_error *error);

// Frees a catalogue; nothing if it is NULL. Nobody may use it meanwhile or after; its
// users go on.
void melu_catalog_free(melu_catalog *catalog);

// How many items there are; 0 if `catalog` is NULL.
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

// The title of the item at an index; empty where there is none, as of items that were
// given by their field values.
//
// `*title` is written; it lives as long as the catalogue's handle.
//
// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`. Threads: any.
melu_status melu_catalog_title(const melu_catalog *catalog,
                               uint32_t item,
                               melu_str *title,
                               melu_error *error);

// How many people chose or rated an item in training; 0 for one that was new then or
// later.
//
// `*raters` is written.
//
// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`, `NOT_AVAILABLE` for a model that does not
// know. Threads: any.
melu_status melu_catalog_raters(const melu_catalog *catalog,
                                uint32_t item,
                                uint32_t *raters,
                                melu_error *error);

// The items as vectors, for an index of vectors or for a database: one for each item, in
// the catalogue's order.
//
// The inner product of a vector and what `melu_user_vector` gives is the item's score
// but for what neighbours of the user's answers add, and for the predicted rating, if
// that counts. So an index by inner product finds candidates; `melu_user_score` has
// their scores, and `melu_user_recommend` orders them, with them as `among` and with
// `add_neighbours`. The last two of a vector's numbers are the item's bias, by which
// popular items come first, and 1 for an item that nobody chose in training.
//
// `*vectors` is written; what it points to lives as long as the catalogue's handle.
//
// Statuses: `INVALID_ARGUMENT`, `NOT_AVAILABLE` for a model without a head for choosing.
// Threads: any. Cost: none; nothing is copied.
melu_status melu_catalog_item_vectors(const melu_catalog *catalog,
                                      melu_vectors *vectors,
                                      melu_error *error);

// Makes a user of whom a profile is known: values by field, in any order.
//
// `*user` is written, NULL after a failure. `*unknown_values` is written, if it is not
// NULL: how many names the model's vocabularies lack; they are left out.
//
// Statuses: `INVALID_ARGUMENT`, `INVALID_UTF8`, `UNKNOWN_FIELD`, `FIELD_VALUE`,
// `OUT_OF_MEMORY`. Threads: any. Cost: allocates all that the user will hold with up to
// 64 ratings.
melu_status melu_user_new(const melu_catalog *catalog,
                          const melu_value *profile,
                          size_t profile_len,
                          melu_user **user,
                          size_t *unknown_values,
                          melu_error *error);

// Frees a user; nothing if it is NULL. Nobody may use it meanwhile or after.
void melu_user_free(melu_user *user);

// Adapts the user to all of their ratings: what was adapted before is replaced.
//
// `ratings[i]` is that of `items[i]`, in the training data's unit; with clicks, 0 or 1.
// To a model of positive-only data, whatever is there was chosen, and its rating is how
// much as the training data count it, or 1. An item that is there twice counts twice.
// No ratings are as good as `melu_user_reset`.
//
// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`, `RATING`, `OUT_OF_MEMORY`: the user is as
// before. `DIVERGED`: the user is reset. Threads: one at a time. Cost: microseconds.
// Nothing is allocated for up to 64 ratings, or as many as the user had before, once the
// catalogue has a scratch for each call that computes at the same time; the first call
// with more than 96 ratings may make a scratch larger.
melu_status melu_user_adapt(melu_user *user,
                            const uint32_t *items,
                            const float *ratings,
                            size_t ratings_len,
                            melu_error *error);

// Forgets the user's ratings, but not the profile.
//
// Statuses: `INVALID_ARGUMENT`. Threads: one at a time.
melu_status melu_user_reset(melu_user *user, melu_error *error);

// Scores items: `scores[i]` is that of `items[i]`, by which recommendations are ordered.
//
// It tells how likely the user is to choose the item and to like it, in a unit of its
// own: scores of one user can be compared, and nothing else. Of a model without a head
// for choosing (`choice` of `melu_model_details`) it is the predicted rating.
//
// With `items_len` `MELU_ALL_ITEMS`, `items` is not read, and the whole catalogue is
// scored. `scores` has room for `capacity` numbers. `*needed` is written, if it is not
// NULL: how many scores there are.
//
// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`, `CAPACITY`, `OUT_OF_MEMORY`; no score is
// written then. Threads: any number at once, while nobody changes the user. Cost: nothing
// is allocated once the catalogue has a scratch for each call that computes at the same
// time.
melu_status melu_user_score(const melu_user *user,
                            const uint32_t *items,
                            size_t items_len,
                            float *scores,
                            size_t capacity,
                            size_t *needed,
                            melu_error *error);

// Predicts what the user would rate items if they tried them: `ratings[i]` is that of
// `items[i]`, in the training data's unit, or with clicks a probability.
//
// `deviations` may be NULL; else `deviations[i]` is the standard deviation of what the
// user would say of `items[i]`. Both lists have room for `capacity` numbers.
// `items_len` may be `MELU_ALL_ITEMS`, and `*needed` is written, as for
// `melu_user_score`.
//
// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`, `CAPACITY`, `OUT_OF_MEMORY`, and
// `NOT_AVAILABLE` for a model that predicts no ratings, or deviations that it does not
// know (`ratings` and `deviations` of `melu_model_details`); nothing is predicted then.
// Threads: any number at once, while nobody changes the user. Cost: nothing is allocated
// once the catalogue has a scratch for each call that computes at the same time.
melu_status melu_user_predict(const melu_user *user,
                              const uint32_t *items,
                              size_t items_len,
                              float *ratings,
                              float *deviations,
                              size_t capacity,
                              size_t *needed,
                              melu_error *error);

// The user as a vector: what those of `melu_catalog_item_vectors` are multiplied with.
//
// It changes when the user is adapted or reset. `*needed` is written, if it is not
// NULL: how many numbers it has, as many as those of an item.
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
// `*bytes_len` is written: how many bytes there are. With a capacity of 0, `bytes` may
// be NULL, and the status `CAPACITY` comes with the length that is needed.
//
// Statuses: `INVALID_ARGUMENT`, `CAPACITY`: nothing is saved. Threads: any number at
// once, while nobody changes the user. Cost: the first call for a model reads all of
// it, for the fingerprint.
melu_status melu_user_save(const melu_user *user,
                           uint8_t *bytes,
                           size_t bytes_capacity,
                           size_t *bytes_len,
                           melu_error *error);

// Loads a user into a catalogue of the model that saved them, or of another.
//
// With the same model, the user scores the same bits at once. With another, and in a
// catalogue of another precision, the user is adapted anew from the ratings. `*user` is
// written, NULL after a failure. `report` may be NULL; else its `struct_size` is set by
// the caller, and the other members are written.
//
// Statuses: `INVALID_ARGUMENT`, `SAVED_USER`, `OUT_OF_MEMORY`; with another model,
// `RATING` and `DIVERGED` if it cannot learn from the ratings. Threads: any. Cost: as
// `melu_user_new` and `melu_user_adapt`.
melu_status melu_user_load(const melu_catalog *catalog,
                           const uint8_t *bytes,
                           size_t bytes_len,
                           melu_user **user,
                           melu_load_report *report,
                           melu_error *error);

// The best items of the user's catalogue or of a list, best first, as many as there is
// room for; of equal ones the one with the lower index first.
//
// `options` may be NULL: what the user rated is left out. `*best_len` is written: how
// many there are in `best`, fewer than its capacity only if there are no more; 0 after
// a failure.
//
// Statuses: `INVALID_ARGUMENT`, also for an order that there is not and a discount that
// is not finite, `ITEM_INDEX`, `NOT_AVAILABLE` for an order by ratings of a model that
// predicts none, `OUT_OF_MEMORY`. Threads: any number at once, while nobody changes the
// user. With `options->threads` above 1, others work beside the calling one, and end with
// the call; one that the system does not start is done without. Cost: scores the
// catalogue, or the list, and predicts the ratings of what it found. Once the catalogue
// has a scratch for each call that computes at the same time, nothing is allocated but
// for more new items than before and for each thread beyond the calling one, which takes
// some 50 microseconds to start, some hundred kilobytes, and as much as the
// recommendations that there are to be.
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
// and does not know how sure it is (`deviations` of `melu_model_details`). Threads: any.
// Cost: allocates all that choosing a question needs.
melu_status melu_questions_new(const melu_catalog *catalog,
                               melu_questions **questions,
                               melu_error *error);

// Frees what questions are chosen with; nothing if it is NULL. Nobody may use it
// meanwhile or after.
void melu_questions_free(melu_questions *questions);

// The item that the user is best asked about next, given what they rated.
//
// `options` may be NULL: nothing else is known. `*question` is written.
//
// Statuses: `INVALID_ARGUMENT`, also for questions of another catalogue than the user's,
// `ITEM_INDEX`, `NOT_FOUND` if there is nothing left to ask, `OUT_OF_MEMORY`. Threads:
// one at a time for the questions; nobody may change the user meanwhile. Cost: two passes
// over the catalogue.
melu_status melu_user_next_question(const melu_user *user,
                                    melu_questions *questions,
                                    const melu_question_options *options,
                                    melu_question *question,
                                    melu_error *error);

// Adapts and recommends for many users in one call: for programs whose calls into C are
// dear, and for those that let several threads work on one call.
//
// `users` are `users_len` users, of one catalogue or of several. With `offsets` NULL
// they keep what they are adapted to. Else `offsets` are `users_len` + 1 numbers, from 0
// to `ratings_len` and never falling: user `u` is adapted to the items and ratings from
// `offsets[u]` to `offsets[u + 1]`, as `melu_user_adapt` does.
//
// `best` has room for `users_len` times `best_capacity`: those of user `u` begin at `u`
// times `best_capacity`, as `melu_user_recommend` writes them, with the same `options`
// for all. `best_lens` are `users_len` numbers, all of which are written.
//
// Statuses: those of the two functions. The first user with whom something is wrong is
// named by the message and by `error->user`. The users before are done; for that user
// and those after, `best_lens` is 0. With one thread those after are as before; with
// more, some may be adapted already.
//
// Threads: with `offsets`, one at a time for each of the users. With `options->threads`
// above 1, the threads take one user after another, none of whom may be there twice if
// they are adapted; those beyond the number of users share the users' catalogues, as in
// `melu_user_recommend`. Cost: that of the two functions.
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
