package io.github.melurs

import examples.ColdStart
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test

/** The example, as a screen would use it. */
class ColdStartTest {
    @Test
    fun anInterviewIsAskedInterruptedAndTakenBack(): Unit = Samples.catalog(Samples.choosing).use { catalog ->
        val shown = ArrayList<ColdStart.State>()
        val screen = ColdStart(catalog, questionsToAsk = 4, shown = 5) { shown += it }
        val first = screen.state
        assertEquals(5, first.recommended.size)
        assertFalse(first.canUndo)
        screen.skip()
        assertNotEquals(first.question, screen.state.question)
        screen.rate(5f)
        screen.rate(1f)
        assertEquals(listOf(0, 1, 2), shown.map { it.answered })
        assertEquals(3, shown.map { it.question }.toSet().size)
        assertNotEquals(first.recommended, shown.last().recommended)

        // The app is ended, and started again.
        val saved = screen.save()
        screen.close()
        val again = ColdStart(catalog, saved = saved, questionsToAsk = 4, shown = 5)
        assertEquals(shown.last(), again.state)
        again.rate(3f)
        again.rate(2f)
        assertNull(again.state.question)
        val done = again.state
        again.rate(1f)
        again.skip()
        assertEquals(done, again.state)
        repeat(2) { again.undo() }
        assertEquals(shown.last(), again.state)
        repeat(9) { again.undo() }
        assertEquals(first, again.state)
        again.close()
    }
}
