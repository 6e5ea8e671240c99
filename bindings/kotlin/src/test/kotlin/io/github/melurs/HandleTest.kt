package io.github.melurs

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.CountDownLatch
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.atomic.AtomicReference
import kotlin.concurrent.thread

class HandleTest {
    /** Runs it in so many threads at once, and throws what one of them threw. */
    private fun together(count: Int, call: (Int) -> Unit) {
        val failures = ConcurrentLinkedQueue<Throwable>()
        val start = CountDownLatch(1)
        val threads = List(count) { number ->
            thread {
                start.await()
                try {
                    call(number)
                } catch (failure: Throwable) {
                    failures += failure
                }
            }
        }
        start.countDown()
        threads.forEach(Thread::join)
        failures.firstOrNull()?.let { throw AssertionError("${failures.size} threads failed", it) }
    }

    @Test
    fun closingIsFinalAndMayBeRepeated() {
        val model = Model.open(Samples.choosing)
        val catalog = model.catalog()
        val user = catalog.user()
        val questions = catalog.questions()
        val saved = user.save()
        repeat(2) {
            model.close()
            catalog.close()
        }
        // The user keeps what it needs.
        user.rate(0, 4f)
        repeat(2) {
            user.close()
            questions.close()
        }
        val other = Samples.catalog(Samples.choosing)
        val living = Samples.chooser(other)
        for ((number, call) in listOf<() -> Any?>(
            { model.details }, { model.userFields }, { model.itemFields }, { model.evidence(1) }, { model.catalog() },
            { model.catalog(listOf()) }, { catalog.find("a") }, { catalog.id(0) }, { catalog.title(0) }, { catalog.raters(0) },
            { catalog.extend(listOf()) }, { catalog.remove(intArrayOf()) }, { catalog.convert(DataType.F16) },
            { catalog.itemVectors() }, { catalog.itemVectorsInto(floats(1), 0, 0) }, { catalog.user() }, { catalog.load(saved) },
            { catalog.questions() }, { user.adapt(intArrayOf(), floatArrayOf()) }, { user.rate(0, 1f) }, { user.withdraw(0) },
            { user.reset() }, { user.ratings() }, { user.unknownProfile() }, { user.score(intArrayOf()) }, { user.scoreAll() },
            { user.scoreInto(intArrayOf(), floats(1)) }, { user.predict(intArrayOf()) }, { user.predictAll() },
            { user.predictInto(intArrayOf(), floats(1)) }, { user.deviations(intArrayOf()) }, { user.vector() },
            { user.recommend(1) }, { user.save() }, { living.nextQuestion(questions) },
        ).withIndex()) {
            assertThrows<IllegalStateException>("call $number") { call() }
        }
        living.close()
        other.close()
    }

    @Test
    fun closingMayRaceWithCalls() {
        val closedEarly = AtomicInteger()
        val catalog = Samples.catalog(Samples.choosing)
        var round = 0
        // Until enough calls have met what was closed: how soon depends on the machine.
        while (closedEarly.get() < 100 && round++ < 20_000) {
            val user = Samples.chooser(catalog)
            val questions = catalog.questions()
            together(4) { number ->
                try {
                    repeat(1 + round % 20) {
                        when (number) {
                            0 -> user.recommend(5, RecommendOptions(filter = { it % 3 != 0 }))
                            1 -> user.rate(it % 40, 3f)
                            2 -> user.nextQuestion(questions)
                            else -> Thread.yield()
                        }
                    }
                    if (number == 3) {
                        user.close()
                        questions.close()
                    }
                } catch (_: IllegalStateException) {
                    closedEarly.incrementAndGet()
                }
            }
            user.close()
        }
        assertTrue(closedEarly.get() >= 100, "only ${closedEarly.get()} calls met what was closed")
        catalog.close()
    }

    @Test
    fun changesAndReadsOfOneUserTakeTurns(): Unit = Samples.catalog(Samples.choosing).use { catalog ->
        val none = catalog.user().use(User::scoreAll).toList()
        val some = Samples.chooser(catalog).use(User::scoreAll).toList()
        catalog.user().use { user ->
            together(6) { number ->
                repeat(300) {
                    when {
                        number == 0 -> user.adapt(intArrayOf(3, 7, 12), floatArrayOf(5f, 1f, 4f))
                        number == 1 -> user.reset()
                        // Nobody sees half of a change.
                        else -> user.scoreAll().toList().let { assertTrue(it == none || it == some) }
                    }
                }
            }
        }
    }

    @Test
    fun manyThreadsWhileTheCatalogueIsSwapped() {
        val current = AtomicReference(Samples.catalog(Samples.choosing))
        val done = AtomicInteger()
        val workers = 8
        together(workers + 1) { number ->
            if (number == workers) {
                while (done.get() < workers) current.getAndSet(Samples.catalog(Samples.choosing)).close()
                return@together
            }
            try {
                var round = 0
                while (round < 60) {
                    val user = try {
                        current.get().user()
                    } catch (_: IllegalStateException) {
                        continue // swapped just now
                    }
                    round++
                    user.use {
                        val item = (number + round) % 40
                        it.rate(item, 4f)
                        val best = it.recommend(3)
                        assertTrue(best.size == 3 && best.none { found -> found.item == item })
                    }
                }
            } finally {
                done.incrementAndGet()
            }
        }
        current.get().close()
    }

    @Test
    fun manyCyclesDoNotGrow(): Unit = Samples.catalog(Samples.choosing).use { catalog ->
        fun cycles(count: Int) = repeat(count) {
            catalog.user().use { user ->
                user.adapt(intArrayOf(it % 40), floatArrayOf(4f))
                check(user.recommend(3).size == 3)
            }
        }
        cycles(20_000)
        val before = residentBytes()
        cycles(100_000)
        val grown = residentBytes() - before
        // A leak of 170 bytes a cycle would be seen.
        assertTrue(grown < 16 shl 20, "100,000 cycles grew by $grown bytes")
    }

    @Test
    fun everyKindOfHandleIsFreed() {
        val bytes = Samples.choosing.readBytes()
        val buffer = java.nio.ByteBuffer.allocateDirect(bytes.size).put(bytes)
        buffer.flip()
        fun cycles(count: Int) = repeat(count) { round ->
            val model = when (round % 3) {
                0 -> Model.open(Samples.choosing)
                1 -> Model.open(bytes)
                else -> Model.open(buffer)
            }
            model.use {
                it.catalog().use { catalog ->
                    catalog.questions().use { questions ->
                        catalog.user().use { user ->
                            user.nextQuestion(questions)
                            catalog.load(user.save()).close()
                        }
                    }
                }
            }
        }
        cycles(300)
        val before = residentBytes()
        cycles(3000)
        val grown = residentBytes() - before
        assertTrue(grown < 16 shl 20, "3,000 cycles of ${bytes.size} bytes grew by $grown")
    }

    @Test
    fun longListsAreFreed(): Unit = Samples.catalog(Samples.choosing).use { catalog ->
        val items = IntArray(5000) { it % 40 }
        val some = IntArray(500) { it % 40 }
        val many = RecommendOptions(leaveOut = items, among = items)
        val file = Model.open(Samples.choosing)
        val field = file.itemFields.firstOrNull { it.kind != FieldKind.NUMERIC }
        val values = if (field == null) listOf() else listOf(Value.index(field.name, 0))
        val named = List(100) { Item("item $it of a longer name", values) }
        val user = catalog.user()
        val questions = catalog.questions()
        fun cycles(count: Int) = repeat(count) {
            user.adapt(some, FloatArray(500) { 3f })
            check(user.ratings().size == 500 && user.save().size > 500)
            check(user.score(items).size + user.predict(items).size + user.deviations(items).size == 15_000)
            check(user.recommend(40, many).isEmpty() && user.recommend(40, RecommendOptions(keepRated = true)).size == 40)
            check(user.nextQuestion(questions, Asked(items, items, items)) == null)
            assertThrows<MeluException> { user.recommend(3, RecommendOptions(leaveOut = items + 40)) }
            file.catalog(named).use { check(it.size == 100) }
        }
        cycles(300)
        val before = residentBytes()
        cycles(1000)
        val grown = residentBytes() - before
        // One list of 5,000 numbers a cycle that stays would be 20 MB; there are eight.
        assertTrue(grown < 16 shl 20, "1,000 cycles of long lists grew by $grown bytes")
        listOf(user, questions, file).forEach(AutoCloseable::close)
    }

    @Test
    fun whatIsNotClosedIsFreedAfterTheCollector(): Unit = Samples.catalog(Samples.choosing).use { catalog ->
        val before = Handle.count
        repeat(1000) { catalog.user() }
        for (attempt in 0..500) {
            System.gc()
            Thread.sleep(10)
            Handle.collect()
            if (Handle.count <= before) return@use
        }
        throw AssertionError("${Handle.count - before} users are left")
    }

    @Test
    fun nothingIsFreedDuringItsLastCall() {
        // Nobody refers to what is called on, while another thread makes garbage and frees it.
        val done = AtomicInteger()
        together(3) { number ->
            if (number == 2) {
                while (done.get() < 2) {
                    System.gc()
                    Handle.collect()
                }
            } else {
                try {
                    repeat(30) {
                        assertEquals(37, Samples.chooser(Samples.catalog(Samples.choosing)).recommend(99).size)
                        assertEquals(40, Samples.catalog(Samples.choosing).user().scoreAll().size)
                        assertTrue(Model.open(Samples.choosing).details.items == 40)
                    }
                } finally {
                    done.incrementAndGet()
                }
            }
        }
    }
}
