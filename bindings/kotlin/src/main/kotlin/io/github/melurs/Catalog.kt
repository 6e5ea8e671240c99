package io.github.melurs

import java.nio.FloatBuffer

/**
 * A list of items with their features, known by index from 0.
 *
 * Any number of threads may use it at once; it never changes. Make one, and share it. Users keep
 * what they need of it, so it may be closed before them.
 *
 * @property unknownValues how many names of the items that the catalogue was made or extended with
 *   the model's vocabularies lack; they were left out
 */
public class Catalog internal constructor(
    pointer: Long,
    public val unknownValues: Int,
) : AutoCloseable {
    /** How many items there are. */
    public val size: Int = Native.catalogLen(pointer)

    private val handle = Handle(this, pointer, "catalogue", Native::catalogFree)

    /** Frees the catalogue, after the calls that are using it. Closing it again does nothing. */
    override fun close(): Unit = handle.close()

    /** The index of the item with an id; null if there is none. */
    public fun find(id: String): Int? {
        val item = handle.shared { Native.catalogFind(it, utf8(id)) }
        return if (item >= 0) item else null
    }

    /**
     * The id of the item at an index.
     *
     * @throws MeluException ITEM_INDEX
     */
    public fun id(item: Int): String = text(handle.shared { Native.catalogId(it, item) })

    /**
     * The title of the item at an index; empty where there is none.
     *
     * @throws MeluException ITEM_INDEX
     */
    public fun title(item: Int): String = text(handle.shared { Native.catalogTitle(it, item) })

    /**
     * How many people chose or rated an item in training; 0 for one that is new.
     *
     * @throws MeluException ITEM_INDEX, NOT_AVAILABLE for a model that does not know
     */
    public fun raters(item: Int): Int = handle.shared { Native.catalogRaters(it, item) }

    /**
     * A catalogue of this one's items, at their indices, and after them more. This one stays as
     * it is. A user moves to the new one by [User.save] and [load].
     *
     * @throws MeluException as [Model.catalog]
     */
    public fun extend(items: List<Item>): Catalog {
        val packed = Packed.items(items)
        val unknown = LongArray(1)
        val catalog = handle.shared { Native.catalogExtend(it, packed.numbers(), packed.text(), unknown) }
        return Catalog(catalog, unknown[0].toInt())
    }

    /**
     * A catalogue of this one's items without some of them, in any order: those that stay keep
     * their order, and move up. This one stays as it is. A user moves to the new one by
     * [User.save] and [load], and keeps ratings of items that are gone.
     *
     * @throws MeluException ITEM_INDEX, OUT_OF_MEMORY
     */
    public fun remove(items: IntArray): Catalog =
        Catalog(handle.shared { Native.catalogRemove(it, items) }, unknownValues)

    /**
     * A catalogue of this one's items in another data type. A user moves to it by [User.save] and
     * [load], which adapts them anew.
     *
     * @throws MeluException INVALID_ARGUMENT for an item that f16 cannot describe, OUT_OF_MEMORY
     */
    public fun convert(dataType: DataType): Catalog =
        Catalog(handle.shared { Native.catalogConvert(it, dataType.ordinal) }, unknownValues)

    /**
     * The vectors of the items from [begin] up to [end], one after another, for an index of
     * vectors; [ModelDetails.vectorWidth] is how wide they are.
     *
     * The inner product of one and [User.vector] is the item's score, but for what neighbours of
     * the user's answers add, and for the predicted rating. So an index by inner product finds
     * candidates, and [User.recommend] orders them, with them as [RecommendOptions.among] and with
     * [RecommendOptions.addNeighbours].
     *
     * @throws MeluException NOT_AVAILABLE for a model without a head for choosing
     * @throws IndexOutOfBoundsException for items that are not there
     */
    @JvmOverloads
    public fun itemVectors(begin: Int = 0, end: Int = size): FloatArray = handle.shared {
        val width = Native.catalogVectorWidth(it)
        val vectors = FloatArray(length(begin, end, width))
        Native.catalogVectors(it, begin, end, vectors)
        vectors
    }

    /**
     * The same to a direct buffer in the processor's order of bytes, from its position on, which
     * moves behind them.
     *
     * @throws java.nio.BufferOverflowException if there is not room for all
     */
    @JvmOverloads
    public fun itemVectorsInto(vectors: FloatBuffer, begin: Int = 0, end: Int = size): Unit = handle.shared {
        val length = length(begin, end, Native.catalogVectorWidth(it))
        vectors.write(length) { position -> Native.catalogVectorsInto(it, begin, end, vectors, position) }
    }

    private fun length(begin: Int, end: Int, width: Int): Int {
        if (begin < 0 || end < begin || end > size) {
            throw IndexOutOfBoundsException("items from $begin to $end are not among $size")
        }
        val length = (end - begin).toLong() * width
        require(length <= Int.MAX_VALUE) { "$length numbers are too many for one array: ask for fewer items" }
        return length.toInt()
    }

    /**
     * A user of whom a profile is known: values by field, in any order.
     *
     * @throws MeluException INVALID_ARGUMENT, INVALID_UTF8, UNKNOWN_FIELD, FIELD_VALUE,
     *   OUT_OF_MEMORY
     */
    public fun user(vararg profile: Value): User {
        val packed = if (profile.isEmpty()) null else Packed.profile(profile)
        val unknown = LongArray(1)
        val user = handle.shared { Native.userNew(it, packed?.numbers(), packed?.text(), unknown) }
        return User(user, size, unknown[0].toInt(), null)
    }

    /**
     * A user that was saved, with this catalogue's model or another one. With the same model, the
     * user scores the same bits at once; with another, and in a catalogue of another data type,
     * the user is adapted anew from the ratings. [User.loaded] tells.
     *
     * @throws MeluException SAVED_USER, OUT_OF_MEMORY; with another model, RATING and DIVERGED if
     *   it cannot learn from the ratings
     */
    public fun load(bytes: ByteArray): User {
        val report = LongArray(3)
        val user = handle.shared { Native.userLoad(it, bytes, report) }
        return User(user, size, report[0].toInt(), LoadReport(report[1] != 0L, report[2].toInt()))
    }

    /**
     * Prepares questions about the catalogue's items.
     *
     * @throws MeluException NOT_AVAILABLE if the model orders by predicted rating and does not
     *   know how sure it is ([ModelDetails.deviations])
     */
    public fun questions(): Questions = Questions(handle.shared(Native::questionsNew))
}

/** What a catalogue keeps its rows in. */
public enum class DataType {
    /** IEEE 754 binary32: 4 bytes a number. */
    F32,

    /** IEEE 754 binary16: 2 bytes a number. Scores move by some thousandth of their spread. */
    F16,
}

/**
 * What became of a user that was loaded.
 *
 * @property adaptedAnew the user was saved by another model, or in a catalogue of another data
 *   type, and was adapted anew
 * @property missingItems how many of the user's ratings are of items that the catalogue lacks.
 *   They are kept, and saved again, until the user is adapted or reset
 */
public data class LoadReport(
    public val adaptedAnew: Boolean,
    public val missingItems: Int,
)
