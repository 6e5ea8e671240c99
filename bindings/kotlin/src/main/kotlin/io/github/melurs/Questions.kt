package io.github.melurs

/**
 * What questions to users of one catalogue are chosen in: all that this needs, and nothing that
 * is known of a user. It serves one call at a time, for any number of users; others wait.
 */
public class Questions internal constructor(pointer: Long) : AutoCloseable {
    internal val handle = Handle(this, pointer, "workspace of questions", Native::questionsFree)

    /** Frees it, after the call that is using it. Closing it again does nothing. */
    override fun close(): Unit = handle.close()
}

/**
 * What is known besides the ratings when a question is chosen.
 *
 * @property unknown items that the user was asked about and did not know: they are not asked
 *   again, and tell what else the user may not know
 * @property leaveOut items that are not to be asked about
 * @property known the only items to ask about, where the program knows that the user knows them;
 *   null: any item
 */
public class Asked @JvmOverloads constructor(
    public var unknown: IntArray? = null,
    public var leaveOut: IntArray? = null,
    public var known: IntArray? = null,
)

/**
 * An item worth asking about.
 *
 * @property item its index in the user's catalogue
 * @property known the chance that the user knows it
 * @property reduction by how much an answer would lower the mean variance of what the user's
 *   vector says of items, each counting by the chance that the user chooses it; of a model that
 *   orders by predicted rating, that of all ratings. In the head's units, squared
 */
public data class Question(
    public val item: Int,
    public val known: Float,
    public val reduction: Float,
)
