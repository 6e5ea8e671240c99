package io.github.melurs

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.util.concurrent.Callable
import java.util.concurrent.Executors

class BatchTest {
    private val items = intArrayOf(3, 7, 12, 5, 9)
    private val ratings = floatArrayOf(5f, 1f, 4f, 2f, 5f)
    private val offsets = intArrayOf(0, 3, 3, 5)

    private fun <T> withUsers(catalog: Catalog, count: Int, call: (List<User>) -> T): T {
        val users = List(count) { catalog.user() }
        try {
            return call(users)
        } finally {
            users.forEach(User::close)
        }
    }

    @Test
    fun listsAreThoseOfOneUserAtATime(): Unit = Samples.catalog(Samples.choosing).use { catalog ->
        for (threads in listOf(1, 3)) {
            withUsers(catalog, 3) { users ->
                val options = RecommendOptions(threads = threads)
                val found = User.recommendBatch(users, offsets, items, ratings, 6, options)
                assertEquals(listOf(6, 3, 18), listOf(found.width, found.counts.size, found.items.size))
                for ((place, user) in users.withIndex()) {
                    catalog.user().use { alone ->
                        val (first, last) = offsets[place] to offsets[place + 1]
                        alone.adapt(items.copyOfRange(first, last), ratings.copyOfRange(first, last))
                        val best = alone.recommend(6)
                        assertEquals(best, found[place])
                        assertFloats(alone.scoreAll(), user.scoreAll())
                        assertEquals(best[1].item, found.items[6 * place + 1])
                        assertEquals(best[1].score, found.scores[6 * place + 1])
                        assertEquals(best[1].rating, found.ratings[6 * place + 1])
                        assertEquals(best[1].deviation, found.deviations[6 * place + 1])
                    }
                }
                val again = User.recommendBatch(users, 6, options)
                assertArrayEquals(found.items, again.items)
                assertFloats(found.scores, again.scores)
            }
        }
    }

    @Test
    fun listsMayBeShort(): Unit = Samples.catalog(Samples.choosing).use { catalog ->
        withUsers(catalog, 2) { users ->
            val seen = ArrayList<Int>()
            val filter = Filter { item ->
                seen += item
                item != 8
            }
            val few = RecommendOptions(among = intArrayOf(3, 7, 8), filter = filter)
            val found = User.recommendBatch(users, intArrayOf(0, 1, 1), intArrayOf(3), floatArrayOf(4f), Int.MAX_VALUE, few)
            assertEquals(40, found.width)
            assertEquals(listOf(1, 2), found.counts.toList())
            assertEquals(listOf(7, -1, -1), found.items.take(3))
            assertTrue(found.scores[1].isNaN() && found.ratings[1].isNaN() && found.deviations[79].isNaN())
            assertEquals(setOf(3, 7, 8), seen.toSet())
            assertEquals(0, User.recommendBatch(users, 0).items.size)
            assertEquals(0, User.recommendBatch(listOf(), 5).counts.size)
        }
    }

    @Test
    fun whatIsWrongIsNamed(): Unit = Samples.catalog(Samples.choosing).use { catalog ->
        withUsers(catalog, 2) { users ->
            fun batch(of: List<User>, offsets: IntArray, items: IntArray, ratings: FloatArray, count: Int = 3) =
                User.recommendBatch(of, offsets, items, ratings, count)
            val (one, two) = intArrayOf(1, 2) to floatArrayOf(1f, 2f)
            assertThrows<IllegalArgumentException> { batch(listOf(users[0], users[0]), intArrayOf(0, 1, 2), one, two) }
            assertThrows<IllegalArgumentException> { batch(users, intArrayOf(0, 1), one, two) }
            assertThrows<IllegalArgumentException> { batch(users, intArrayOf(0, 1, 2), one, floatArrayOf(1f)) }
            assertThrows<IllegalArgumentException> { batch(users, intArrayOf(0, 1, 2), one, two, -1) }
            assertThrows<IllegalArgumentException> { User.recommendBatch(users, 1, RecommendOptions(threads = -1)) }
            for (wrong in listOf(intArrayOf(0, 1, 3), intArrayOf(0, -1, 2), intArrayOf(1, 1, 2), intArrayOf(0, 2, 1))) {
                assertStatus(Status.INVALID_ARGUMENT) { batch(users, wrong, one, two) }
            }
            val failure = assertThrows<MeluException> { batch(users, intArrayOf(0, 1, 2), intArrayOf(1, 40), two) }
            assertEquals(Status.ITEM_INDEX, failure.status)
            assertTrue(failure.message!!.startsWith("users[1]: "), failure.message)
            // The one before is done.
            assertEquals(listOf(Rating(1, 1f)), users[0].ratings())
            assertStatus(Status.ITEM_INDEX) { User.recommendBatch(users, 1, RecommendOptions(leaveOut = intArrayOf(40))) }
            users[1].close()
            assertThrows<IllegalStateException> { batch(users, intArrayOf(0, 1, 2), one, two) }
            assertThrows<IllegalStateException> { User.recommendBatch(users, 3) }
            // Nobody holds the other.
            users[0].rate(4, 2f)
        }
    }

    @Test
    fun filtersMayReadOtherUsersAndThrow(): Unit = Samples.catalog(Samples.choosing).use { catalog ->
        withUsers(catalog, 3) { users ->
            val (other, batch) = users[2] to users.take(2)
            val reads = RecommendOptions(filter = { item -> other.score(intArrayOf(item))[0].isFinite() })
            assertEquals(listOf(3, 3), User.recommendBatch(batch, intArrayOf(0, 1, 2), intArrayOf(1, 2), floatArrayOf(1f, 2f), 3, reads).counts.toList())
            val own = RecommendOptions(filter = { item -> batch[0].score(intArrayOf(item))[0].isFinite() })
            assertThrows<IllegalStateException> {
                User.recommendBatch(batch, intArrayOf(0, 1, 2), intArrayOf(1, 2), floatArrayOf(1f, 2f), 3, own)
            }
            // As they are, they may be read.
            assertEquals(listOf(3, 3), User.recommendBatch(batch, 3, own).counts.toList())
            val nested = RecommendOptions(filter = {
                User.recommendBatch(batch, intArrayOf(0, 0, 0), intArrayOf(), floatArrayOf(), 1)
                true
            })
            assertThrows<IllegalStateException> { User.recommendBatch(users, 3, nested) }
            class Own : RuntimeException()
            assertThrows<Own> { User.recommendBatch(batch, 3, RecommendOptions(filter = { throw Own() })) }
            batch.forEach { it.reset() }
        }
    }

    /** Beyond the end of a user's list, nothing is copied out of C's memory. */
    @Test
    fun listsOfSmallCataloguesEndWithZeros() {
        val model = Native.modelOpen(utf8(Samples.choosing.path), 0, false)
        val catalog = Native.modelCatalog(model)
        val small = Native.catalogRemove(catalog, IntArray(30) { it + 5 })
        val users = longArrayOf(catalog, small, catalog).map { Native.userNew(it, null, null, LongArray(1)) }
        fun recommend(users: List<Long>, counts: IntArray): IntArray = Native.userRecommendBatch(
            users.toLongArray(), null, IntArray(0), FloatArray(0), 20, counts, null, null, 0, 0, 0, 0, 0f, 1, null,
        )
        // The memory of one call is that of the next, which writes less.
        val many = recommend(listOf(users[0], users[2], users[0]), IntArray(3))
        val counts = IntArray(3)
        val numbers = recommend(users, counts)
        assertEquals(listOf(20, 10, 20), counts.toList())
        assertEquals(List(4 * 10) { 0 }, numbers.copyOfRange(4 * (20 + 10), 4 * (20 + 20)).toList())
        for (user in listOf(0, 2)) {
            val list = 4 * 20 * user until 4 * 20 * (user + 1)
            assertEquals(many.sliceArray(list).toList(), numbers.sliceArray(list).toList())
        }
        users.forEach(Native::userFree)
        listOf(small, catalog).forEach(Native::catalogFree)
        Native.modelFree(model)
    }

    /** Batches that have the same users in other orders, and calls for one of them in between. */
    @Test
    fun batchesOfTheSameUsersDoNotBlockEachOther(): Unit = Samples.catalog(Samples.choosing).use { catalog ->
        withUsers(catalog, 4) { users ->
            val pool = Executors.newFixedThreadPool(4)
            try {
                val batch = { of: List<User> ->
                    for (turn in 0 until 200) {
                        val answers = IntArray(4) { (turn + it) % 40 }
                        val found = User.recommendBatch(of, intArrayOf(0, 1, 2, 3, 4), answers, FloatArray(4) { 3f }, 5)
                        assertEquals(listOf(5, 5, 5, 5), found.counts.toList())
                    }
                }
                val reads = RecommendOptions(filter = { users[3].score(intArrayOf(it))[0].isFinite() })
                val works = listOf(
                    Callable { batch(users) },
                    Callable { batch(users.reversed()) },
                    Callable { for (turn in 0 until 200) users[1].recommend(3, reads) },
                    Callable { for (turn in 0 until 200) users[turn % 4].rate(turn % 40, 4f) },
                )
                for (done in pool.invokeAll(works, 120, java.util.concurrent.TimeUnit.SECONDS)) done.get()
            } finally {
                pool.shutdownNow()
            }
        }
    }
}
