package io.github.melurs

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.assertThrows
import java.io.File

/** Models, and what several tests do with them. */
internal object Samples {
    /** The repository. */
    val root = File(System.getProperty("melu.root"))

    private val folder = File(root, "bindings/go/testdata")

    /** Three items, ratings, no head for choosing. */
    val ratings = File(folder, "sample.melu")

    /** Forty items, ratings, and a head for choosing. */
    val choosing = File(folder, "choosing.melu")

    /** Forty items, and a head for choosing alone. */
    val positiveOnly = File(folder, "positive_only.melu")

    fun catalog(of: File = ratings): Catalog = Model.open(of).use { it.catalog() }

    /** A user who answered, of a model with a head for choosing. */
    fun chooser(catalog: Catalog): User =
        catalog.user().apply { adapt(intArrayOf(3, 7, 12), floatArrayOf(5f, 1f, 4f)) }
}

internal fun assertStatus(status: Status, call: () -> Unit) {
    val failure = assertThrows<MeluException> { call() }
    assertEquals(status, failure.status, failure.message)
}

internal fun assertFloats(expected: FloatArray, found: FloatArray) =
    assertEquals(expected.toList(), found.toList())

internal fun items(best: List<Recommendation>): List<Int> = best.map { it.item }

/** How many bytes the process has in memory, Java's and C's together. */
internal fun residentBytes(): Long {
    repeat(3) { System.gc() }
    val pages = File("/proc/self/statm").readText().split(' ')[1].toLong()
    return pages * 4096
}
