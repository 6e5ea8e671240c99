package examples

import io.github.melurs.Asked
import io.github.melurs.Catalog
import io.github.melurs.Questions
import io.github.melurs.RecommendOptions
import io.github.melurs.User
import io.github.melurs.Value
import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.io.DataInputStream
import java.io.DataOutputStream

/**
 * What a screen shows that gets to know somebody new: one title at a time, to be rated or skipped,
 * and below it what would be recommended so far, which moves with each answer.
 *
 * It needs nothing of Android's: in an app, a `ViewModel` has one, calls it on one thread, shows
 * [state] whenever [changed] is called, keeps what [save] returns, and calls [close] from
 * `onCleared`. Each call takes microseconds to a few milliseconds. The answers never leave the
 * device.
 *
 * @param catalog shared with the rest of the app, and closed by it
 * @param saved what [save] returned, if this is not the first time
 */
class ColdStart(
    private val catalog: Catalog,
    profile: List<Value> = listOf(),
    saved: ByteArray? = null,
    private val questionsToAsk: Int = 5,
    private val shown: Int = 10,
    private val changed: (State) -> Unit = {},
) : AutoCloseable {
    /** What the screen shows. */
    data class State(
        /** Whether this can be rated now; null when enough was asked. */
        val question: Film?,
        /** How many answers were given, of how many. */
        val answered: Int,
        val of: Int,
        /** Best first. */
        val recommended: List<Film>,
        /** Whether there is an answer to take back. */
        val canUndo: Boolean,
    )

    /** An item as people see it. */
    data class Film(val id: String, val title: String)

    private sealed interface Step {
        val item: Int

        class Rated(override val item: Int) : Step

        class Unknown(override val item: Int) : Step
    }

    private val questions: Questions = catalog.questions()
    private val user: User
    private val steps = ArrayList<Step>()
    private var asked: Int? = null

    /** What is to be shown now. */
    var state: State
        private set

    init {
        val restored = saved?.let(::restore)
        user = restored ?: catalog.user(*profile.toTypedArray())
        state = next()
    }

    /** They rated what was asked. */
    fun rate(rating: Float) {
        val item = asked ?: return
        user.rate(item, rating)
        steps += Step.Rated(item)
        update()
    }

    /** They do not know what was asked. */
    fun skip() {
        val item = asked ?: return
        steps += Step.Unknown(item)
        update()
    }

    /** They take the last answer back, and are asked the same again. */
    fun undo() {
        val step = steps.removeLastOrNull() ?: return
        if (step is Step.Rated) user.withdraw(step.item)
        update()
    }

    private fun update() {
        state = next()
        changed(state)
    }

    private fun next(): State {
        val unknown = steps.filterIsInstance<Step.Unknown>().map { it.item }.toIntArray()
        val answered = steps.count { it is Step.Rated }
        asked = if (answered < questionsToAsk) user.nextQuestion(questions, Asked(unknown))?.item else null
        // Somebody is not recommended what they just said they do not know.
        val best = user.recommend(shown, RecommendOptions(leaveOut = unknown))
        return State(asked?.let(::film), answered, questionsToAsk, best.map { film(it.item) }, steps.isNotEmpty())
    }

    private fun film(item: Int): Film {
        val id = catalog.id(item)
        return Film(id, catalog.title(item).ifEmpty { id })
    }

    /** All that must be kept to go on later: items by their ids, so that a new model may come between. */
    fun save(): ByteArray {
        val bytes = ByteArrayOutputStream()
        val out = DataOutputStream(bytes)
        val saved = user.save()
        out.writeInt(saved.size)
        out.write(saved)
        out.writeInt(steps.size)
        for (step in steps) {
            out.writeBoolean(step is Step.Rated)
            out.writeUTF(catalog.id(step.item))
        }
        return bytes.toByteArray()
    }

    private fun restore(bytes: ByteArray): User {
        val input = DataInputStream(ByteArrayInputStream(bytes))
        val saved = ByteArray(input.readInt())
        input.readFully(saved)
        repeat(input.readInt()) {
            val rated = input.readBoolean()
            // An item that the catalogue has no more can be neither asked about nor taken back.
            val item = catalog.find(input.readUTF()) ?: return@repeat
            steps += if (rated) Step.Rated(item) else Step.Unknown(item)
        }
        return catalog.load(saved)
    }

    override fun close() {
        user.close()
        questions.close()
    }
}
