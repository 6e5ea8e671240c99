package io.github.melurs

import java.io.File
import java.nio.ByteBuffer

/**
 * A meta-trained model: an opened weight file.
 *
 * Any number of threads may use it at once. Catalogues and users keep what they need of it, so
 * it may be closed before them.
 */
public class Model private constructor(pointer: Long) : AutoCloseable {
    private val handle = Handle(this, pointer, "model", Native::modelFree)

    /** Frees the model, after the calls that are using it. Closing it again does nothing. */
    override fun close(): Unit = handle.close()

    /** What the model is like. The first call for a model reads all of it, for the fingerprint. */
    public val details: ModelDetails
        get() = ModelDetails.of(handle.shared(Native::modelInfo))

    /** The fields that describe users, for a sign-up form. [Catalog.user] takes values of them. */
    public val userFields: List<Field>
        get() = handle.shared { Field.all(it, Field.USER) }

    /** The fields that describe items. [catalog] and [Catalog.extend] take values of them. */
    public val itemFields: List<Field>
        get() = handle.shared { Field.all(it, Field.ITEM) }

    /**
     * The items that a new user is best asked about, best first, up to [count] of them.
     *
     * @throws MeluException NOT_AVAILABLE if the weight file has none
     */
    public fun evidence(count: Int): List<Evidence> {
        requireCount(count)
        val numbers = handle.shared {
            // As many as there are at most: the room for them is allocated first.
            val all = ModelDetails.of(Native.modelInfo(it)).evidence
            Native.modelEvidence(it, minOf(count, maxOf(1, all)))
        }
        return List(numbers.size / 4) { place ->
            val first = 4 * place
            Evidence(
                numbers[first],
                Float.fromBits(numbers[first + 1]),
                Float.fromBits(numbers[first + 2]),
                Float.fromBits(numbers[first + 3]),
            )
        }
    }

    /**
     * A catalogue of the weight file's own items.
     *
     * @throws MeluException NOT_AVAILABLE if the file has no items, OUT_OF_MEMORY
     */
    public fun catalog(): Catalog = handle.shared { Catalog(Native.modelCatalog(it), 0) }

    /**
     * A catalogue of items given by their field values.
     *
     * @throws MeluException INVALID_ARGUMENT, also for an id that is there twice, INVALID_UTF8,
     *   UNKNOWN_FIELD, FIELD_VALUE, OUT_OF_MEMORY
     */
    public fun catalog(items: List<Item>): Catalog {
        val packed = Packed.items(items)
        val unknown = LongArray(1)
        val catalog = handle.shared { Native.catalogNew(it, packed.numbers(), packed.text(), unknown) }
        return Catalog(catalog, unknown[0].toInt())
    }

    public companion object {
        /**
         * Opens a weight file, and checks it.
         *
         * The file is mapped: the weights take no memory of their own, and several processes
         * share them. It may be deleted, or replaced by renaming another over it, but must not be
         * changed in place while the model is in use.
         *
         * @throws MeluException IO, WEIGHT_FILE, INVALID_UTF8
         */
        @JvmStatic
        @JvmOverloads
        public fun open(path: String, options: OpenOptions = OpenOptions()): Model =
            Model(Native.modelOpen(utf8(path), options.limit(), options.copy))

        /** The same. */
        @JvmStatic
        @JvmOverloads
        public fun open(file: File, options: OpenOptions = OpenOptions()): Model = open(file.path, options)

        /**
         * Opens a weight file that lies in memory, as one that was downloaded. The bytes are
         * copied out of Java's heap, and may be changed afterwards.
         *
         * @throws MeluException WEIGHT_FILE
         */
        @JvmStatic
        @JvmOverloads
        public fun open(bytes: ByteArray, options: OpenOptions = OpenOptions()): Model =
            Model(Native.modelOpenBytes(bytes, options.limit()))

        /**
         * Opens the bytes of a direct buffer, from its position to its limit, as of a file that
         * was mapped by [java.nio.channels.FileChannel.map]. They are used in place, must not be
         * changed, and are kept from the garbage collector until the model and all that was made
         * of it are closed. Best aligned to 64 bytes. The buffer's position does not move.
         *
         * @throws MeluException WEIGHT_FILE
         * @throws IllegalArgumentException for a buffer that is not direct
         */
        @JvmStatic
        @JvmOverloads
        public fun open(buffer: ByteBuffer, options: OpenOptions = OpenOptions()): Model {
            require(buffer.isDirect) { "the buffer is not direct" }
            return Model(Native.modelOpenBuffer(buffer, buffer.position(), buffer.remaining(), options.limit()))
        }

        /**
         * Opens a part of an open file, as an asset of an Android app that is not compressed:
         *
         * ```
         * assets.openFd("movies.melu").use { asset ->
         *     Model.openDescriptor(asset.parcelFileDescriptor.fd, asset.startOffset, asset.length)
         * }
         * ```
         *
         * The part is mapped, and may begin anywhere; in an app whose build aligns it to 64 bytes,
         * it is read in place. The descriptor may be closed afterwards.
         *
         * @throws MeluException IO, WEIGHT_FILE, INVALID_ARGUMENT for a part beyond the file's end
         * @throws UnsupportedOperationException on Windows
         */
        @JvmStatic
        @JvmOverloads
        public fun openDescriptor(
            descriptor: Int,
            offset: Long,
            length: Long,
            options: OpenOptions = OpenOptions(),
        ): Model = Model(Native.modelOpenDescriptor(descriptor, offset, length, options.limit()))
    }
}

/**
 * How a model is opened.
 *
 * @property maxMemory the most bytes that a catalogue of the model computes, and the most of what a
 *   call computes in: a small file can describe items by very many numbers. What would take more
 *   fails with [Status.MEMORY_LIMIT]. A catalogue that the file has computed already, as melu's own
 *   files do, takes none. 0: 1 GiB
 * @property copy a file that is opened by its path is read into memory instead of mapped, and may
 *   be changed in place then
 */
public class OpenOptions @JvmOverloads constructor(
    public var maxMemory: Long = 0,
    public var copy: Boolean = false,
) {
    internal fun limit(): Long {
        require(maxMemory >= 0) { "the limit $maxMemory is negative" }
        return maxMemory
    }
}

/**
 * What a model is like.
 *
 * @property fingerprint tells the model from others: a saved user knows its model by it
 * @property userFields how many fields describe a user
 * @property itemFields how many fields describe an item
 * @property items how many items the weight file has
 * @property evidence how many evidence candidates the weight file has
 * @property headParameters how many numbers the head for ratings has; 0 without one
 * @property vectorWidth how many numbers the vectors of users and items have; 0 without a head
 *   for choosing
 * @property choice there is a head for choosing, and scores tell how likely a user is to choose an
 *   item and to like it; else a score is the predicted rating
 * @property ratings the model predicts ratings; else it was trained on what people chose alone
 * @property clicks ratings are clicks, 0 or 1, and predicted ones are probabilities
 * @property deviations the model knows how far a rating may lie from the predicted one
 */
public data class ModelDetails(
    public val fingerprint: Long,
    public val userFields: Int,
    public val itemFields: Int,
    public val items: Int,
    public val evidence: Int,
    public val headParameters: Int,
    public val vectorWidth: Int,
    public val choice: Boolean,
    public val ratings: Boolean,
    public val clicks: Boolean,
    public val deviations: Boolean,
) {
    internal companion object {
        /** Out of the numbers in the order of C's struct. */
        fun of(numbers: LongArray): ModelDetails {
            val counts = IntArray(numbers.size) { numbers[it].toInt() }
            return ModelDetails(
                numbers[0], counts[1], counts[2], counts[3], counts[4], counts[5], counts[6],
                counts[7] != 0, counts[8] != 0, counts[9] != 0, counts[10] != 0,
            )
        }
    }
}

/**
 * An item worth asking a new user about.
 *
 * @property item its index in the weight file's own catalogue
 * @property score what candidates are ranked by: the product of the next two
 * @property gradientNorm how far a rating of it moves the head, divided by the largest
 * @property popularity how many people rated it, divided by the largest
 */
public data class Evidence(
    public val item: Int,
    public val score: Float,
    public val gradientNorm: Float,
    public val popularity: Float,
)

/** What a field takes. */
public enum class FieldKind {
    /** One value of a vocabulary. */
    ONE,

    /** Any number of values of a vocabulary. */
    MULTI,

    /** A number. */
    NUMERIC,
}

/**
 * A field of a model's users or items, as a form shows it.
 *
 * @property name what [Value.name], [Value.index] and [Value.number] take first
 * @property kind what the field takes
 * @property size how many values there are to choose from; 0 of a numeric field
 * @property values the names of the values, in the order of their bytes; empty of a numeric field,
 *   and where values are given by [Value.index] because they have no names
 * @property lowest the least number in training; not a number where it is unknown, and of fields
 *   that are not numeric. Numbers beyond it are read as it
 * @property highest the greatest, likewise
 */
public data class Field(
    public val name: String,
    public val kind: FieldKind,
    public val size: Int,
    public val values: List<String>,
    public val lowest: Float,
    public val highest: Float,
) {
    internal companion object {
        const val ITEM = 0
        const val USER = 1

        fun all(model: Long, entity: Int): List<Field> {
            val fields = ArrayList<Field>()
            val numbers = IntArray(5)
            while (true) {
                val index = fields.size
                val name = Native.modelField(model, entity, index, numbers) ?: return fields
                val (kind, named, size) = numbers
                val values = List(if (named != 0) size else 0) { value ->
                    text(Native.modelFieldValue(model, entity, index, value))
                }
                val lowest = Float.fromBits(numbers[3])
                val highest = Float.fromBits(numbers[4])
                fields.add(Field(text(name), FieldKind.entries[kind], size, values, lowest, highest))
            }
        }
    }
}

/** What the library is. */
public object Melu {
    /** The library's version, as `0.1.0`. */
    @JvmStatic
    public val version: String get() = text(Native.version())

    /** The instructions by which scores are computed on this processor, as `avx2`. */
    @JvmStatic
    public val kernel: String get() = text(Native.kernel())
}

internal fun requireCount(count: Int) = require(count >= 0) { "the count $count is negative" }
