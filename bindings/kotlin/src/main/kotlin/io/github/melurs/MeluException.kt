package io.github.melurs

/**
 * Why a call of the library failed.
 *
 * Beside it, the API throws Java's own: [IllegalStateException] for what was closed before,
 * [IllegalArgumentException] for lists of different lengths, a negative count or a buffer that is
 * not direct, and [java.nio.BufferOverflowException] for one that is too small.
 *
 * @property status the kind of failure
 */
public class MeluException internal constructor(
    public val status: Status,
    message: String,
) : RuntimeException(message) {
    private companion object {
        private const val serialVersionUID = 1L
    }
}

/**
 * The kind of a failure. Later versions may add more.
 *
 * @property code the number in C's `melu_status`
 */
public enum class Status(public val code: Int) {
    /** An argument cannot be, as an id that is there twice. */
    INVALID_ARGUMENT(1),

    /** A text has no UTF-8. */
    INVALID_UTF8(2),

    /** The capacity of an output is too small, which this package sees to. */
    CAPACITY(3),

    /** The operating system refused to open or read a file. */
    IO(4),

    /** The weight file breaks the format. */
    WEIGHT_FILE(5),

    /** The model has no field of that name. */
    UNKNOWN_FIELD(6),

    /** A field cannot have that value. */
    FIELD_VALUE(7),

    /** An item's index is beyond the end of the catalogue. */
    ITEM_INDEX(8),

    /** A rating is not finite, beyond the scale, or for a model of clicks neither 0 nor 1. */
    RATING(9),

    /**
     * A result is not a finite number: ratings are too large to adapt to, and the user is reset;
     * or a score is not, as with a damaged weight file.
     */
    DIVERGED(10),

    /** There is no such item, or nothing left to choose from. */
    NOT_FOUND(11),

    /** The model does not have this: a catalogue, evidence, ratings, deviations, vectors. */
    NOT_AVAILABLE(12),

    /** The bytes are not a saved user, or not whole. */
    SAVED_USER(13),

    /** Native memory ran out; nothing was changed. */
    OUT_OF_MEMORY(14),

    /**
     * The library failed because of a defect of its own. What was called refuses further use,
     * and can only be closed. Please report it.
     */
    PANIC(15),

    /** It would take more memory than [OpenOptions.maxMemory] allows; nothing was changed. */
    MEMORY_LIMIT(16),

    /** A status that this version does not know. */
    UNKNOWN(-1),
    ;

    internal companion object {
        fun of(code: Int): Status = entries.find { it.code == code } ?: UNKNOWN
    }
}
