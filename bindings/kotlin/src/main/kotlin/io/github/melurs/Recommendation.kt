package io.github.melurs

/**
 * An item, its score, and what the user would rate it.
 *
 * @property item its index in the user's catalogue
 * @property score what it was ordered by: see [User.score]; or the predicted rating
 * @property rating the predicted rating: see [User.predict]. Not a number if the model was trained
 *   without ratings
 * @property deviation the standard deviation of that; not a number where the model knows none
 */
public data class Recommendation(
    public val item: Int,
    public val score: Float,
    public val rating: Float,
    public val deviation: Float,
)

/** What recommendations are ordered by. */
public enum class Order {
    /** By how likely the user is to choose the item and to like it: see [User.score]. */
    SCORE,

    /** By what the user would rate the item: see [User.predict]. */
    RATING,
}

/**
 * Decides whether an item may be recommended. It is called for items that would come into the list
 * otherwise, some hundred times for a list of 20, by the thread that called [User.recommend].
 * What it throws comes out of that call. It must not change users or ask questions, which throws
 * an [IllegalStateException].
 */
public fun interface Filter {
    /** Whether the item at an index may be recommended. */
    public fun accepts(item: Int): Boolean
}

/**
 * Which items are recommended, in what order, and how many threads look for them. As it is made,
 * it means the best of the catalogue by score, without what the user rated, by one thread.
 *
 * @property leaveOut items that are left out, in any order
 * @property among the only items to recommend, in any order, as a search or an index of vectors
 *   found them; one that is there twice counts once. null: all items of the catalogue
 * @property addNeighbours items that neighbours of the user's answers speak for or against may be
 *   recommended too where [among] lacks them. An index of vectors does not find them all
 * @property keepRated what the user rated may be recommended too
 * @property order what recommendations are ordered by
 * @property popularityDiscount how much less it counts than in training that an item is much
 *   chosen: 0, as trained; 1, not at all. It changes the order by score alone
 * @property minRaters items with fewer raters in training are left out
 * @property newItems at least so many places go to items that nobody chose in training, if there
 *   are as many
 * @property filter decides whether an item may be recommended; null: every item may
 * @property threads how many threads compute, the calling one among them; with a filter there is
 *   one. They are the system's, and end with the call. The result is the same for any number
 */
public class RecommendOptions @JvmOverloads constructor(
    public var leaveOut: IntArray? = null,
    public var among: IntArray? = null,
    public var addNeighbours: Boolean = false,
    public var keepRated: Boolean = false,
    public var order: Order = Order.SCORE,
    public var popularityDiscount: Float = 0f,
    public var minRaters: Int = 0,
    public var newItems: Int = 0,
    public var filter: Filter? = null,
    public var threads: Int = 1,
) {
    internal fun check() {
        requireCount(newItems)
        requireCount(minRaters)
        requireCount(threads)
    }

    /** As the native library takes them. */
    internal fun flags(): Int = (if (addNeighbours) 1 else 0) or (if (keepRated) 2 else 0)
}

/**
 * The lists of many users: one row of [width] places a user, the best first. The numbers at place
 * `width * user + rank` of the arrays are those of a [Recommendation]. After the end of a shorter
 * list, items are -1, and other numbers are not numbers.
 *
 * @property width how many places each user has
 * @property counts how many items each user was recommended
 * @property items the items' indices in their users' catalogues
 * @property scores what they were ordered by
 * @property ratings the predicted ratings
 * @property deviations their standard deviations
 */
public class BatchRecommendations private constructor(
    public val width: Int,
    public val counts: IntArray,
    public val items: IntArray,
    public val scores: FloatArray,
    public val ratings: FloatArray,
    public val deviations: FloatArray,
) {
    /** The list of one user, best first. */
    public operator fun get(user: Int): List<Recommendation> = List(counts[user]) { rank ->
        val place = width * user + rank
        Recommendation(items[place], scores[place], ratings[place], deviations[place])
    }

    internal companion object {
        /** Out of the numbers in the order of C's struct. */
        fun of(width: Int, counts: IntArray, numbers: IntArray): BatchRecommendations {
            val places = numbers.size / 4
            fun isThere(place: Int) = place % width < counts[place / width]
            fun floats(member: Int) = FloatArray(places) {
                if (isThere(it)) Float.fromBits(numbers[4 * it + member]) else Float.NaN
            }
            val items = IntArray(places) { if (isThere(it)) numbers[4 * it] else -1 }
            return BatchRecommendations(width, counts, items, floats(1), floats(2), floats(3))
        }
    }
}
