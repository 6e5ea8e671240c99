package io.github.melurs

import java.nio.BufferOverflowException
import java.nio.ByteOrder
import java.nio.FloatBuffer
import java.nio.ReadOnlyBufferException

/**
 * A user of one catalogue: a profile, ratings, and the head adapted to them.
 *
 * Any number of threads may use a user at once: [adapt], [rate], [withdraw] and [reset] wait for
 * the calls before them, and others for these. A user of the default recipe takes some 3 KB outside
 * of Java's heap, of which the garbage collector knows nothing: close users that are no longer
 * needed.
 *
 * @property unknownValues how many names of the user's profile the model's vocabularies lack; they
 *   were left out
 * @property loaded what became of a user that was loaded; null for others
 */
public class User internal constructor(
    pointer: Long,
    private val items: Int,
    public val unknownValues: Int,
    public val loaded: LoadReport?,
) : AutoCloseable {
    private val handle = Handle(this, pointer, "user", Native::userFree)

    /** Frees the user, after the calls that are using it. Closing it again does nothing. */
    override fun close(): Unit = handle.close()

    /**
     * Adapts the user to all of their ratings: what was adapted before is replaced.
     *
     * `ratings[i]` is that of `items[i]`, in the training data's unit; with clicks, 0 or 1. An
     * item that is there twice counts twice. No ratings are as good as [reset].
     *
     * @throws MeluException ITEM_INDEX, RATING, OUT_OF_MEMORY: the user is as before; DIVERGED:
     *   the user is reset
     */
    public fun adapt(items: IntArray, ratings: FloatArray) {
        require(items.size == ratings.size) { "${items.size} items have ${ratings.size} ratings" }
        handle.exclusive { Native.userAdapt(it, items, ratings) }
    }

    /**
     * Adds a rating, or changes the one that the user gave of the item before, and adapts the user
     * to all of their ratings.
     *
     * @throws MeluException as [adapt]
     */
    public fun rate(item: Int, rating: Float): Unit = handle.exclusive { Native.userRate(it, item, rating) }

    /**
     * Withdraws the user's rating of an item, and adapts the user to the others. False if the user
     * did not rate it.
     *
     * @throws MeluException as [adapt]
     */
    public fun withdraw(item: Int): Boolean = handle.exclusive { Native.userWithdraw(it, item) }

    /** Forgets the user's ratings, but not the profile. */
    public fun reset(): Unit = handle.exclusive { Native.userReset(it) }

    /** What the user rated, and is adapted to. What [predict] returns is predicted. */
    public fun ratings(): List<Rating> {
        val numbers = handle.shared(Native::userRatings)
        val count = numbers.size / 2
        return List(count) { Rating(numbers[it], Float.fromBits(numbers[count + it])) }
    }

    /**
     * The values of the user's profile that the model does not know, in the order in which they
     * were given: names that its vocabularies lack, and numbers far beyond those of the training
     * data.
     */
    public fun unknownProfile(): List<Value> {
        val texts = arrayOfNulls<ByteArray>(1)
        val numbers = handle.shared { Native.userUnknownProfile(it, texts) }
        return Value.unpack(numbers, texts[0]!!)
    }

    /**
     * The score of each of the items, by which recommendations are ordered. It tells how likely
     * the user is to choose the item and to like it, in a unit of its own; of a model without a
     * head for choosing ([ModelDetails.choice]) it is the predicted rating.
     *
     * @throws MeluException ITEM_INDEX, DIVERGED with a damaged weight file
     */
    public fun score(items: IntArray): FloatArray = handle.shared { Native.userScore(it, items, items.size) }

    /** The score of each item of the catalogue, in its order. */
    public fun scoreAll(): FloatArray = handle.shared { Native.userScore(it, null, items) }

    /**
     * The same to a direct buffer in the processor's order of bytes, from its position on, which
     * moves behind them.
     *
     * @param items null: all of the catalogue
     * @throws java.nio.BufferOverflowException if there is not room for all
     */
    public fun scoreInto(items: IntArray?, scores: FloatBuffer): Unit = handle.shared {
        val count = items?.size ?: this.items
        scores.write(count) { position -> Native.userScoreInto(it, items, count, scores, position) }
    }

    /**
     * What the user would rate each of the items if they tried it, in the training data's unit, or
     * a probability for a model of clicks.
     *
     * @throws MeluException ITEM_INDEX, DIVERGED with a damaged weight file, NOT_AVAILABLE if the
     *   model was trained without ratings
     */
    public fun predict(items: IntArray): FloatArray =
        handle.shared { Native.userPredict(it, items, items.size, false) }

    /** What the user would rate each item of the catalogue, in its order. */
    public fun predictAll(): FloatArray = handle.shared { Native.userPredict(it, null, items, false) }

    /**
     * The standard deviation of what the user would say of each of the items around [predict].
     *
     * @throws MeluException ITEM_INDEX, NOT_AVAILABLE if the model does not know
     */
    public fun deviations(items: IntArray): FloatArray {
        // The library gives them beside the ratings, which come first.
        val both = handle.shared { Native.userPredict(it, items, items.size, true) }
        return both.copyOfRange(items.size, both.size)
    }

    /**
     * Predicted ratings, and deviations if there is a buffer for them, to direct buffers in the
     * processor's order of bytes, from their positions on, which move behind them.
     *
     * @param items null: all of the catalogue
     * @throws java.nio.BufferOverflowException if there is not room for all
     */
    @JvmOverloads
    public fun predictInto(items: IntArray?, ratings: FloatBuffer, deviations: FloatBuffer? = null): Unit =
        handle.shared {
            val count = items?.size ?: this.items
            ratings.write(count) { position ->
                if (deviations == null) {
                    Native.userPredictInto(it, items, count, ratings, position, null, 0)
                } else {
                    deviations.write(count) { second ->
                        Native.userPredictInto(it, items, count, ratings, position, deviations, second)
                    }
                }
            }
        }

    /**
     * The user as a vector: what those of [Catalog.itemVectors] are multiplied with, and as wide.
     * It changes when the user is adapted or reset.
     *
     * @throws MeluException NOT_AVAILABLE for a model without a head for choosing
     */
    public fun vector(): FloatArray = handle.shared(Native::userVector)

    /**
     * The [count] best items of the user's catalogue or of a list, best first, or fewer if there
     * are no more; of equal ones the one with the lower index first. What the filter throws comes
     * out of it.
     *
     * @throws MeluException ITEM_INDEX, INVALID_ARGUMENT for a discount that is not a number,
     *   NOT_AVAILABLE for an order by ratings that the model does not predict, DIVERGED with a
     *   damaged weight file
     */
    @JvmOverloads
    public fun recommend(count: Int, options: RecommendOptions = RecommendOptions()): List<Recommendation> {
        requireCount(count)
        options.check()
        val filter = options.filter
        val numbers = handle.shared {
            if (filter == null) call(it, count, options, null) else Handle.filtering { call(it, count, options, filter) }
        }
        return List(numbers.size / 4) { place ->
            val first = 4 * place
            Recommendation(
                numbers[first],
                Float.fromBits(numbers[first + 1]),
                Float.fromBits(numbers[first + 2]),
                Float.fromBits(numbers[first + 3]),
            )
        }
    }

    private fun call(user: Long, count: Int, options: RecommendOptions, filter: Filter?): IntArray =
        Native.userRecommend(
            user,
            minOf(count, items),
            options.leaveOut,
            options.among,
            options.flags(),
            options.order.ordinal,
            options.newItems,
            options.minRaters,
            options.popularityDiscount,
            options.threads,
            filter,
        )

    /**
     * The item that the user is best asked about next, given what they rated; null if there is
     * nothing left to ask.
     *
     * @throws MeluException INVALID_ARGUMENT for questions of another catalogue than the user's,
     *   ITEM_INDEX
     */
    @JvmOverloads
    public fun nextQuestion(questions: Questions, asked: Asked = Asked()): Question? {
        val numbers = handle.shared { user ->
            questions.handle.exclusive {
                Native.userNextQuestion(user, it, asked.unknown, asked.leaveOut, asked.known)
            }
        } ?: return null
        return Question(numbers[0], Float.fromBits(numbers[1]), Float.fromBits(numbers[2]))
    }

    /**
     * The saved user: profile, ratings by item id, and the adapted head, versioned and checked.
     * [Catalog.load] takes it.
     */
    public fun save(): ByteArray = handle.shared(Native::userSave)

    public companion object {
        /**
         * Adapts many users, and finds the [count] best items for each, by one call.
         *
         * The users' answers lie one after another, as in a sparse matrix by rows: user `u` is
         * adapted to the items from `offsets[u]` to `offsets[u + 1]` and their ratings, as by
         * [adapt]. Options are the same for all; their threads take users in turn. The
         * lists are those of [recommend], for any number of threads. The call waits until no other
         * uses one of the users, and others wait for it; a filter may not use them.
         *
         * @param offsets one for each user and one more, which rise from 0 to the number of items
         * @throws MeluException what [adapt] and [recommend] throw. The message names the first
         *   user with whom something is wrong, as `users[3]`; those before are adapted, and some
         *   of those after it may be
         * @throws IllegalArgumentException for lists of wrong lengths, and for a user who is there
         *   twice
         */
        @JvmStatic
        @JvmOverloads
        public fun recommendBatch(
            users: List<User>,
            offsets: IntArray,
            items: IntArray,
            ratings: FloatArray,
            count: Int,
            options: RecommendOptions = RecommendOptions(),
        ): BatchRecommendations {
            require(items.size == ratings.size) { "${items.size} items have ${ratings.size} ratings" }
            require(offsets.size == users.size + 1) {
                "${users.size} users have ${offsets.size} offsets; one more is expected"
            }
            val handles = users.map { it.handle }
            return Handle.exclusive(handles) { batch(users, offsets, items, ratings, count, options) }
        }

        /**
         * Finds the [count] best items for each of many users, as they are, by one call.
         *
         * @throws MeluException what [recommend] throws
         */
        @JvmStatic
        @JvmOverloads
        public fun recommendBatch(
            users: List<User>,
            count: Int,
            options: RecommendOptions = RecommendOptions(),
        ): BatchRecommendations = Handle.shared(users.map { it.handle }) {
            batch(users, null, IntArray(0), FloatArray(0), count, options)
        }

        /** The call of users whose handles are in use. */
        private fun batch(
            users: List<User>,
            offsets: IntArray?,
            items: IntArray,
            ratings: FloatArray,
            count: Int,
            options: RecommendOptions,
        ): BatchRecommendations {
            requireCount(count)
            options.check()
            val width = minOf(count, users.maxOfOrNull { it.items } ?: 0)
            val pointers = LongArray(users.size) { users[it].handle.pointer }
            val counts = IntArray(users.size)
            val call = {
                Native.userRecommendBatch(
                    pointers,
                    offsets,
                    items,
                    ratings,
                    width,
                    counts,
                    options.leaveOut,
                    options.among,
                    options.flags(),
                    options.order.ordinal,
                    options.newItems,
                    options.minRaters,
                    options.popularityDiscount,
                    options.threads,
                    options.filter,
                )
            }
            val numbers = if (options.filter == null) call() else Handle.filtering(call)
            return BatchRecommendations.of(width, counts, numbers)
        }
    }
}

/**
 * What a user said of an item.
 *
 * @property item the item's index in the user's catalogue
 * @property rating the rating, in the training data's unit
 */
public data class Rating(
    public val item: Int,
    public val rating: Float,
)

/** Lets C write so many numbers from the buffer's position on, and moves it behind them. */
internal inline fun FloatBuffer.write(count: Int, write: (Int) -> Unit) {
    require(isDirect) { "the buffer is not direct" }
    require(order() == ByteOrder.nativeOrder()) { "the buffer is not in the processor's order of bytes" }
    if (isReadOnly) throw ReadOnlyBufferException()
    if (count > remaining()) throw BufferOverflowException()
    val before = position()
    write(before)
    position(before + count)
}
