/* What is computed for a user: scores, ratings, lists and questions. */

#include "melu_jni.h"

#include <stdlib.h>
#include <string.h>

/* An item, and behind it three floats' bits: Kotlin takes lists apart by fours. */
typedef char recommendation_is_four_numbers[sizeof(melu_recommendation) == 16 ? 1 : -1];
typedef char evidence_is_four_numbers[sizeof(melu_evidence) == 16 ? 1 : -1];
typedef char question_is_three_numbers[sizeof(melu_question) == 12 ? 1 : -1];

/* Scores, ratings, or both ratings and deviations, of `count` items, to memory. */
struct wanted {
  float *scores;
  float *ratings;
  float *deviations;
};

static bool compute(JNIEnv *env, jlong user, jintArray items, jint count, struct wanted to) {
  struct melu_jni_list list;
  if (!melu_jni_ints(env, items, &list)) return false;
  const melu_user *of = MELU_JNI_POINTER(melu_user, user);
  size_t len = items == NULL ? MELU_ALL_ITEMS : list.len;
  melu_error error;
  melu_status status;
  if (to.scores != NULL) {
    status = melu_user_score(of, list.data, len, to.scores, (size_t)count, NULL, &error);
  } else {
    status = melu_user_predict(of, list.data, len, to.ratings, to.deviations, (size_t)count,
                               NULL, &error);
  }
  melu_jni_drop(&list);
  if (status != MELU_STATUS_OK) melu_jni_throw(env, &error);
  return status == MELU_STATUS_OK;
}

/* `items` null: all of the catalogue, which are `count`. */
static jfloatArray score(JNIEnv *env, jclass class, jlong user, jintArray items, jint count) {
  (void)class;
  float *scores = melu_jni_alloc(env, (size_t)count, sizeof *scores);
  if (scores == NULL) return NULL;
  struct wanted to = {scores, NULL, NULL};
  jfloatArray array = NULL;
  if (compute(env, user, items, count, to)) {
    array = melu_jni_new_floats(env, scores, (size_t)count);
  }
  free(scores);
  return array;
}

static void score_into(JNIEnv *env, jclass class, jlong user, jintArray items, jint count,
                       jobject buffer, jint position) {
  (void)class;
  struct wanted to = {melu_jni_buffer(env, buffer, position), NULL, NULL};
  if (to.scores != NULL) compute(env, user, items, count, to);
}

/* Ratings, and behind them the deviations if they are asked for. */
static jfloatArray predict(JNIEnv *env, jclass class, jlong user, jintArray items, jint count,
                           jboolean deviations) {
  (void)class;
  size_t len = (size_t)count;
  float *ratings = melu_jni_alloc(env, len, 2 * sizeof *ratings);
  if (ratings == NULL) return NULL;
  struct wanted to = {NULL, ratings, deviations ? ratings + len : NULL};
  jfloatArray array = NULL;
  if (compute(env, user, items, count, to)) {
    array = melu_jni_new_floats(env, ratings, deviations ? 2 * len : len);
  }
  free(ratings);
  return array;
}

/* `deviations` may be null. */
static void predict_into(JNIEnv *env, jclass class, jlong user, jintArray items, jint count,
                         jobject ratings, jint position, jobject deviations,
                         jint deviations_position) {
  (void)class;
  struct wanted to = {NULL, melu_jni_buffer(env, ratings, position), NULL};
  if (to.ratings == NULL) return;
  if (deviations != NULL) {
    to.deviations = melu_jni_buffer(env, deviations, deviations_position);
    if (to.deviations == NULL) return;
  }
  compute(env, user, items, count, to);
}

static jfloatArray vector(JNIEnv *env, jclass class, jlong user) {
  (void)class;
  const melu_user *of = MELU_JNI_POINTER(melu_user, user);
  size_t width = 0;
  melu_error error;
  melu_status status = melu_user_vector(of, NULL, 0, &width, &error);
  if (status != MELU_STATUS_OK && status != MELU_STATUS_CAPACITY) {
    melu_jni_throw(env, &error);
    return NULL;
  }
  float *numbers = melu_jni_alloc(env, width, sizeof *numbers);
  if (numbers == NULL) return NULL;
  status = melu_user_vector(of, numbers, width, &width, &error);
  jfloatArray array = NULL;
  if (status == MELU_STATUS_OK) {
    array = melu_jni_new_floats(env, numbers, width);
  } else {
    melu_jni_throw(env, &error);
  }
  free(numbers);
  return array;
}

/* The filter of one call, which runs on the calling thread alone. */
struct filter_call {
  JNIEnv *env;
  jobject filter;
  bool failed;
};

static int32_t passes(uint32_t item, void *context) {
  struct filter_call *call = context;
  /* With an exception pending, nothing of Java's may be called. */
  if (call->failed) return 0;
  JNIEnv *env = call->env;
  jboolean accepted =
      (*env)->CallBooleanMethod(env, call->filter, melu_jni_classes.accepts, (jint)item);
  call->failed = (*env)->ExceptionCheck(env);
  return !call->failed && accepted;
}

/* What the bits of `flags` mean. */
enum { ADD_NEIGHBOURS = 1, KEEP_RATED = 2 };

/* What Kotlin wishes of a list, on its way to C. */
struct wishes {
  struct melu_jni_list left_out;
  struct melu_jni_list candidates;
  struct filter_call call;
  melu_recommend_options options;
};

/* Takes them; whatever it returns, they are dropped. */
static bool take_wishes(JNIEnv *env, struct wishes *to, jintArray leave_out, jintArray among,
                        jint flags, jint order, jint new_items, jint min_raters,
                        jfloat popularity_discount, jint threads, jobject filter) {
  memset(to, 0, sizeof *to);
  if (!melu_jni_ints(env, leave_out, &to->left_out)) return false;
  if (!melu_jni_ints(env, among, &to->candidates)) return false;
  melu_recommend_options *options = &to->options;
  options->struct_size = sizeof *options;
  options->leave_out = to->left_out.data;
  options->leave_out_len = to->left_out.len;
  options->among = to->candidates.data;
  options->among_len = to->candidates.len;
  options->new_items = (size_t)new_items;
  options->add_neighbours = (flags & ADD_NEIGHBOURS) != 0;
  options->keep_rated = (flags & KEEP_RATED) != 0;
  options->order = (uint32_t)order;
  options->min_raters = (uint32_t)min_raters;
  options->popularity_discount = popularity_discount;
  options->threads = (uint32_t)threads;
  if (filter != NULL) {
    to->call.env = env;
    to->call.filter = filter;
    options->filter = passes;
    options->filter_context = &to->call;
    /* Threads of melu's would have to be made known to Java first, which takes longer than
     * they would save. */
    options->threads = 1;
  }
  return true;
}

static void drop_wishes(struct wishes *wishes) {
  melu_jni_drop(&wishes->left_out);
  melu_jni_drop(&wishes->candidates);
}

/* Whether a call with them succeeded. What the filter threw is pending, and says more than what
 * came of it. */
static bool done(JNIEnv *env, const struct wishes *wishes, melu_status status,
                 const melu_error *error) {
  if (!wishes->call.failed && status != MELU_STATUS_OK) melu_jni_throw(env, error);
  return !wishes->call.failed && status == MELU_STATUS_OK;
}

/* How many of Java's numbers a recommendation is. */
#define NUMBERS (sizeof(melu_recommendation) / sizeof(jint))

static jintArray recommend(JNIEnv *env, jclass class, jlong user, jint count,
                           jintArray leave_out, jintArray among, jint flags, jint order,
                           jint new_items, jint min_raters, jfloat popularity_discount,
                           jint threads, jobject filter) {
  (void)class;
  struct wishes wishes;
  bool taken = take_wishes(env, &wishes, leave_out, among, flags, order, new_items, min_raters,
                           popularity_discount, threads, filter);
  melu_recommendation room[32];
  melu_recommendation *best = room;
  if (taken && (size_t)count > sizeof room / sizeof *room) {
    best = melu_jni_alloc(env, (size_t)count, sizeof *best);
  }
  jintArray array = NULL;
  if (taken && best != NULL) {
    size_t len;
    melu_error error;
    melu_status status = melu_user_recommend(MELU_JNI_POINTER(melu_user, user), &wishes.options,
                                             best, (size_t)count, &len, &error);
    if (done(env, &wishes, status, &error)) {
      array = melu_jni_new_ints(env, best, len * NUMBERS);
    }
  }
  if (best != room) free(best);
  drop_wishes(&wishes);
  return array;
}

/* What a batch is made of, as C takes it. */
struct batch {
  melu_user **users;
  size_t *offsets; /* NULL: the users are not adapted */
  size_t *lens;
  melu_recommendation *best;
};

static bool take_batch(JNIEnv *env, struct batch *to, jlongArray users, jintArray offsets,
                       size_t len, size_t width) {
  memset(to, 0, sizeof *to);
  to->users = melu_jni_alloc(env, len, sizeof *to->users);
  if (to->users == NULL) return false;
  jlong *handles = melu_jni_alloc(env, len, sizeof *handles);
  if (handles == NULL) return false;
  (*env)->GetLongArrayRegion(env, users, 0, (jsize)len, handles);
  for (size_t i = 0; i < len; i++) to->users[i] = MELU_JNI_POINTER(melu_user, handles[i]);
  free(handles);
  if (offsets != NULL) {
    struct melu_jni_list places;
    if (!melu_jni_ints(env, offsets, &places)) return false;
    to->offsets = melu_jni_alloc(env, places.len, sizeof *to->offsets);
    /* A negative one is beyond the end as a size, and refused. */
    for (size_t i = 0; to->offsets != NULL && i < places.len; i++) {
      to->offsets[i] = (size_t)((jint *)places.data)[i];
    }
    melu_jni_drop(&places);
    if (to->offsets == NULL) return false;
  }
  to->lens = melu_jni_alloc(env, len, sizeof *to->lens);
  if (to->lens == NULL) return false;
  /* A catalogue has so many items, of which each takes more than this. */
  to->best = melu_jni_alloc(env, len, width * sizeof *to->best);
  return to->best != NULL;
}

static void drop_batch(struct batch *batch) {
  free(batch->users);
  free(batch->offsets);
  free(batch->lens);
  free(batch->best);
}

/* Fills `counts`, one number a user, and returns all recommendations, so many places a user. */
static jintArray recommend_batch(JNIEnv *env, jclass class, jlongArray users, jintArray offsets,
                                 jintArray items, jfloatArray ratings, jint count,
                                 jintArray counts, jintArray leave_out, jintArray among,
                                 jint flags, jint order, jint new_items, jint min_raters,
                                 jfloat popularity_discount, jint threads, jobject filter) {
  (void)class;
  size_t len = (size_t)(*env)->GetArrayLength(env, users);
  size_t width = (size_t)count;
  struct melu_jni_list answered = {0};
  struct melu_jni_list given = {0};
  struct batch batch = {0};
  struct wishes wishes;
  jintArray array = NULL;
  if (take_wishes(env, &wishes, leave_out, among, flags, order, new_items, min_raters,
                  popularity_discount, threads, filter) &&
      melu_jni_ints(env, items, &answered) && melu_jni_floats(env, ratings, &given) &&
      take_batch(env, &batch, users, offsets, len, width)) {
    melu_error error;
    melu_status status =
        melu_recommend_batch(batch.users, len, batch.offsets, answered.data, given.data, given.len,
                             &wishes.options, batch.best, width, batch.lens, &error);
    if (done(env, &wishes, status, &error)) {
      for (size_t i = 0; i < len; i++) {
        jint found = (jint)batch.lens[i];
        (*env)->SetIntArrayRegion(env, counts, (jsize)i, 1, &found);
        /* A user of a smaller catalogue has places to which nothing was written. */
        memset(batch.best + i * width + batch.lens[i], 0,
               (width - batch.lens[i]) * sizeof *batch.best);
      }
      array = melu_jni_new_ints(env, batch.best, len * width * NUMBERS);
    }
  }
  drop_batch(&batch);
  melu_jni_drop(&answered);
  melu_jni_drop(&given);
  drop_wishes(&wishes);
  return array;
}

/* NULL, without an exception, if there is nothing left to ask. */
static jintArray next_question(JNIEnv *env, jclass class, jlong user, jlong questions,
                               jintArray unknown, jintArray leave_out, jintArray known) {
  (void)class;
  struct melu_jni_list lists[3];
  memset(lists, 0, sizeof lists);
  jintArray result = NULL;
  if (melu_jni_ints(env, unknown, &lists[0]) && melu_jni_ints(env, leave_out, &lists[1]) &&
      melu_jni_ints(env, known, &lists[2])) {
    melu_question_options options = {0};
    options.struct_size = sizeof options;
    options.unknown = lists[0].data;
    options.unknown_len = lists[0].len;
    options.leave_out = lists[1].data;
    options.leave_out_len = lists[1].len;
    options.known = lists[2].data;
    options.known_len = lists[2].len;
    melu_question question;
    melu_error error;
    melu_status status = melu_user_next_question(
        MELU_JNI_POINTER(melu_user, user), MELU_JNI_POINTER(melu_questions, questions),
        &options, &question, &error);
    if (status == MELU_STATUS_OK) {
      result = melu_jni_new_ints(env, &question, sizeof question / sizeof(jint));
    } else if (status != MELU_STATUS_NOT_FOUND) {
      melu_jni_throw(env, &error);
    }
  }
  for (int i = 0; i < 3; i++) melu_jni_drop(&lists[i]);
  return result;
}

const JNINativeMethod melu_jni_answer_methods[] = {
    MELU_JNI_METHOD("userScore", "(J[II)[F", score),
    MELU_JNI_METHOD("userScoreInto", "(J[IILjava/nio/FloatBuffer;I)V", score_into),
    MELU_JNI_METHOD("userPredict", "(J[IIZ)[F", predict),
    MELU_JNI_METHOD("userPredictInto",
                    "(J[IILjava/nio/FloatBuffer;ILjava/nio/FloatBuffer;I)V", predict_into),
    MELU_JNI_METHOD("userVector", "(J)[F", vector),
    MELU_JNI_METHOD("userRecommend", "(JI[I[IIIIIFILio/github/melurs/Filter;)[I", recommend),
    MELU_JNI_METHOD("userRecommendBatch",
                    "([J[I[I[FI[I[I[IIIIIFILio/github/melurs/Filter;)[I", recommend_batch),
    MELU_JNI_METHOD("userNextQuestion", "(JJ[I[I[I)[I", next_question),
};
const jint melu_jni_answer_methods_len = MELU_JNI_LEN(melu_jni_answer_methods);
