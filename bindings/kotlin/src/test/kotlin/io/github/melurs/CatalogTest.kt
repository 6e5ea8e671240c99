package io.github.melurs

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.nio.BufferOverflowException
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import java.nio.ReadOnlyBufferException

/** A direct buffer of numbers in the processor's order. */
internal fun floats(count: Int): FloatBuffer =
    ByteBuffer.allocateDirect(4 * count).order(ByteOrder.nativeOrder()).asFloatBuffer()

class CatalogTest {
    @Test
    fun knowsItsItems(): Unit = Samples.catalog().use { catalog ->
        assertEquals(3, catalog.size)
        assertEquals(listOf("one", "two", "three"), List(3, catalog::id))
        assertEquals(listOf(0, 1, 2), listOf("one", "two", "three").map(catalog::find))
        assertNull(catalog.find("four"))
        assertNull(catalog.find(""))
        assertEquals("Die Dritte", catalog.title(2))
        assertEquals("", catalog.title(1))
        assertStatus(Status.ITEM_INDEX) { catalog.id(3) }
        assertStatus(Status.ITEM_INDEX) { catalog.id(-1) }
        assertStatus(Status.ITEM_INDEX) { catalog.title(3) }
        assertStatus(Status.ITEM_INDEX) { catalog.raters(3) }
        assertStatus(Status.INVALID_UTF8) { catalog.find("\uDC00") }
    }

    @Test
    fun isMadeOfValues(): Unit = Model.open(Samples.ratings).use { model ->
        val first = Item(
            "a",
            listOf(Value.name("genres", "war"), Value.name("genres", "Ärger"), Value.number("year", 1999f)),
            "Ein \uD83C\uDFAC",
        )
        val second = Item("b", listOf(Value.index("studio", 1), Value.name("studio", "z")))
        model.catalog(listOf(first)).use { made ->
            assertEquals(1, made.size)
            assertEquals(0, made.unknownValues)
            made.extend(listOf(Item("c", listOf()))).use { extended ->
                assertEquals(listOf("a", "c"), List(2, extended::id))
                assertEquals("Ein \uD83C\uDFAC", extended.title(0))
                extended.remove(intArrayOf(0)).use { assertEquals("c", it.id(0)) }
                assertStatus(Status.ITEM_INDEX) { extended.remove(intArrayOf(2)) }
                assertStatus(Status.INVALID_ARGUMENT) { extended.extend(listOf(Item("a", listOf()))) }
            }
        }
        assertStatus(Status.FIELD_VALUE) { model.catalog(listOf(second)) }
        val unknown = Item("b", listOf(Value.name("studio", "z")))
        model.catalog(listOf(unknown)).use { assertEquals(1, it.unknownValues) }
        assertStatus(Status.UNKNOWN_FIELD) { model.catalog(listOf(Item("d", listOf(Value.name("colour", "red"))))) }
        model.catalog(listOf()).use { assertEquals(0, it.size) }
        // More text and numbers than the room on the stack.
        val many = List(2000) { Item("item $it", listOf(Value.name("genres", "war"), Value.number("year", it.toFloat()))) }
        model.catalog(many).use { assertEquals(1999, it.find("item 1999")) }
    }

    @Test
    fun isConverted(): Unit = Samples.catalog().use { single ->
        single.convert(DataType.F16).use { half ->
            val whole = single.user().use(User::scoreAll)
            val halves = half.user().use(User::scoreAll)
            assertNotEquals(whole.toList(), halves.toList())
            for (i in whole.indices) assertEquals(whole[i], halves[i], 2e-3f)
        }
        single.convert(DataType.F32).use { assertEquals(3, it.size) }
    }

    @Test
    fun hasVectors() {
        for (file in listOf(Samples.choosing, Samples.positiveOnly)) {
            val width = Model.open(file).use { it.details.vectorWidth }
            Samples.catalog(file).use { catalog ->
                val all = catalog.itemVectors()
                assertEquals(width * catalog.size, all.size)
                assertFloats(all.copyOfRange(5 * width, 7 * width), catalog.itemVectors(5, 7))
                assertEquals(0, catalog.itemVectors(5, 5).size)
                val buffer = floats(3 * width + 1)
                buffer.position(1)
                catalog.itemVectorsInto(buffer, 37)
                assertEquals(0, buffer.remaining())
                assertEquals(all.copyOfRange(37 * width, 40 * width).toList(), List(3 * width) { buffer.get(1 + it) })
                assertThrows<BufferOverflowException> { catalog.itemVectorsInto(buffer, 0, 1) }
                for ((begin, end) in listOf(0 to catalog.size + 1, 2 to 1, -1 to 1)) {
                    assertThrows<IndexOutOfBoundsException> { catalog.itemVectors(begin, end) }
                }
                Samples.chooser(catalog).use { user ->
                    val vector = user.vector()
                    assertEquals(width, vector.size)
                    fun product(item: Int) = vector.indices.sumOf { vector[it].toDouble() * all[item * width + it] }
                    val ranked = (0 until catalog.size).sortedByDescending(::product).take(25)
                    val found = RecommendOptions(among = ranked.toIntArray(), addNeighbours = true)
                    assertEquals(user.recommend(5), user.recommend(5, found))
                }
            }
        }
        Samples.catalog().use { catalog ->
            assertStatus(Status.NOT_AVAILABLE) { catalog.itemVectors() }
            catalog.user().use { user -> assertStatus(Status.NOT_AVAILABLE) { user.vector() } }
        }
    }

    @Test
    fun refusesBuffersThatCNeverCouldWriteTo(): Unit = Samples.catalog(Samples.choosing).use { catalog ->
        Samples.chooser(catalog).use { user ->
            val bytes = ByteBuffer.allocateDirect(1000)
            assertThrows<IllegalArgumentException> { user.scoreInto(null, FloatBuffer.allocate(100)) }
            val other = if (ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN) ByteOrder.LITTLE_ENDIAN else ByteOrder.BIG_ENDIAN
            assertThrows<IllegalArgumentException> { user.scoreInto(null, bytes.order(other).asFloatBuffer()) }
            bytes.order(ByteOrder.nativeOrder())
            assertThrows<ReadOnlyBufferException> { user.scoreInto(null, bytes.asReadOnlyBuffer().order(ByteOrder.nativeOrder()).asFloatBuffer()) }
            bytes.position(1)
            assertThrows<IllegalArgumentException> { user.scoreInto(null, bytes.slice().order(ByteOrder.nativeOrder()).asFloatBuffer()) }
            assertThrows<BufferOverflowException> { user.scoreInto(null, floats(39)) }
            val scores = floats(41)
            scores.position(1)
            user.scoreInto(null, scores)
            assertEquals(41, scores.position())
            assertEquals(0f, scores.get(0))
            assertEquals(user.scoreAll().toList(), List(40) { scores.get(1 + it) })
            scores.clear()
            // A failure moves nothing.
            assertStatus(Status.ITEM_INDEX) { user.scoreInto(intArrayOf(40), scores) }
            assertEquals(0, scores.position())
            user.scoreInto(intArrayOf(7, 5), scores)
            scores.flip()
            assertEquals(user.score(intArrayOf(7, 5)).toList(), List(2) { scores.get() })
            val (ratings, deviations) = List(2) { floats(40) }
            user.predictInto(null, ratings, deviations)
            assertEquals(user.predictAll().toList(), List(40) { ratings.get(it) })
            assertEquals(user.deviations(IntArray(40) { it }).toList(), List(40) { deviations.get(it) })
            ratings.clear()
            user.predictInto(intArrayOf(7), ratings)
            assertEquals(1, ratings.position())
            ratings.clear()
            assertThrows<BufferOverflowException> { user.predictInto(null, ratings, deviations) }
            assertTrue(ratings.position() == 0 && deviations.position() == 40)
        }
    }
}
