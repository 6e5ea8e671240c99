package io.github.melurs

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class UserTest {
    @Test
    fun adaptsScoresAndRecommends(): Unit = Samples.catalog().use { catalog ->
        catalog.user(Value.name("region", "unheard of"), Value.index("age", 1)).use { user ->
            assertEquals(1, user.unknownValues)
            assertEquals(listOf(Value.name("region", "unheard of")), user.unknownProfile())
            val before = user.scoreAll()
            user.adapt(intArrayOf(1, 0), floatArrayOf(4.5f, 2f))
            val after = user.scoreAll()
            assertNotEquals(before.toList(), after.toList())
            assertFloats(floatArrayOf(after[2], after[0]), user.score(intArrayOf(2, 0)))
            val deviations = user.deviations(intArrayOf(2, 0))
            assertTrue(deviations.all { it > 0 })
            val best = user.recommend(10)
            assertEquals(listOf(Recommendation(2, after[2], after[2], deviations[0])), best)
            val all = user.recommend(Int.MAX_VALUE, RecommendOptions(keepRated = true, leaveOut = intArrayOf(1), threads = 2))
            assertEquals(listOf(2, 0), items(all))
            assertEquals(0, user.recommend(0).size)
            user.reset()
            assertFloats(before, user.scoreAll())
        }
        catalog.user().use { assertEquals(listOf<Value>(), it.unknownProfile()) }
    }

    @Test
    fun ratingsComeAndGoOneByOne(): Unit = Samples.catalog().use { catalog ->
        val (user, other) = List(2) { catalog.user() }
        fun expect(vararg ratings: Rating) {
            assertEquals(ratings.toList(), user.ratings())
            other.adapt(IntArray(ratings.size) { ratings[it].item }, FloatArray(ratings.size) { ratings[it].rating })
            assertFloats(other.scoreAll(), user.scoreAll())
        }
        expect()
        user.rate(2, 4.5f)
        user.rate(0, 1f)
        user.rate(2, 2f)
        expect(Rating(2, 2f), Rating(0, 1f))
        assertTrue(user.withdraw(2))
        assertFalse(user.withdraw(2))
        expect(Rating(0, 1f))
        assertStatus(Status.ITEM_INDEX) { user.withdraw(3) }
        assertStatus(Status.ITEM_INDEX) { user.rate(3, 1f) }
        assertStatus(Status.RATING) { user.rate(0, Float.NaN) }
        assertStatus(Status.ITEM_INDEX) { user.adapt(intArrayOf(3), floatArrayOf(1f)) }
        assertStatus(Status.RATING) { user.adapt(intArrayOf(0), floatArrayOf(Float.POSITIVE_INFINITY)) }
        assertThrows<IllegalArgumentException> { user.adapt(intArrayOf(0), floatArrayOf()) }
        expect(Rating(0, 1f))
        // More of them than the room on the stack.
        user.adapt(IntArray(500) { it % 3 }, FloatArray(500) { 3f })
        assertEquals(500, user.ratings().size)
        user.close()
        other.close()
    }

    @Test
    fun saysWhatIsWrong(): Unit = Samples.catalog().use { catalog ->
        catalog.user().use { user ->
            val before = user.scoreAll()
            for ((status, call) in listOf<Pair<Status, () -> Unit>>(
                Status.UNKNOWN_FIELD to { catalog.user(Value.name("colour", "red")) },
                Status.FIELD_VALUE to { catalog.user(Value.number("region", 1f)) },
                Status.INVALID_UTF8 to { catalog.user(Value.name("\uD800", "red")) },
                Status.ITEM_INDEX to { user.score(intArrayOf(3)) },
                Status.ITEM_INDEX to { user.predict(intArrayOf(-1)) },
                Status.ITEM_INDEX to { user.deviations(intArrayOf(3)) },
                Status.ITEM_INDEX to { user.recommend(3, RecommendOptions(leaveOut = intArrayOf(9))) },
                Status.ITEM_INDEX to { user.recommend(3, RecommendOptions(among = intArrayOf(9))) },
                Status.INVALID_ARGUMENT to { user.recommend(3, RecommendOptions(popularityDiscount = Float.NaN)) },
                Status.SAVED_USER to { catalog.load("no user".toByteArray()) },
                Status.SAVED_USER to { catalog.load(ByteArray(0)) },
            )) {
                assertStatus(status, call)
            }
            assertThrows<IllegalArgumentException> { user.recommend(-1) }
            assertThrows<IllegalArgumentException> { user.recommend(1, RecommendOptions(newItems = -1)) }
            assertFloats(before, user.scoreAll())
            for (status in Status.entries - Status.UNKNOWN) {
                assertEquals(status, Status.of(status.code))
                assertNotEquals("unknown status", text(Native.statusText(status.code)))
            }
            assertEquals("unknown status", text(Native.statusText(Status.entries.size)))
            assertSame(Status.UNKNOWN, Status.of(99))
        }
    }

    @Test
    fun savesAndLoads(): Unit = Samples.catalog(Samples.choosing).use { catalog ->
        Samples.chooser(catalog).use { user ->
            assertNull(user.loaded)
            val saved = user.save()
            catalog.load(saved).use { loaded ->
                assertEquals(LoadReport(adaptedAnew = false, missingItems = 0), loaded.loaded)
                assertFloats(user.scoreAll(), loaded.scoreAll())
            }
            catalog.remove(intArrayOf(3)).use { fewer ->
                fewer.load(saved).use { assertEquals(1, it.loaded!!.missingItems) }
            }
            catalog.convert(DataType.F16).use { half ->
                half.load(saved).use { assertTrue(it.loaded!!.adaptedAnew) }
            }
        }
    }

    @Test
    fun recommendationsHaveRatingsBesideScores(): Unit = Samples.catalog(Samples.choosing).use { catalog ->
        Samples.chooser(catalog).use { user ->
            val scores = user.scoreAll()
            val ratings = user.predictAll()
            val best = user.recommend(20)
            val items = items(best).toIntArray()
            val deviations = user.deviations(items)
            assertFloats(user.predict(items), FloatArray(20) { ratings[items[it]] })
            assertEquals(items.indices.map { Recommendation(items[it], scores[items[it]], ratings[items[it]], deviations[it]) }, best)
            val byRating = user.recommend(20, RecommendOptions(order = Order.RATING))
            assertNotEquals(items(best), items(byRating))
            assertEquals(byRating.map { it.rating }.sortedDescending(), byRating.map { it.rating })
        }
    }

    @Test
    fun optionsSayWhichItemsThereAre(): Unit = Samples.catalog(Samples.choosing).use { catalog ->
        Samples.chooser(catalog).use { user ->
            fun best(options: RecommendOptions) = items(user.recommend(Int.MAX_VALUE, options))
            val all = best(RecommendOptions())
            assertEquals(37, all.size)
            assertEquals(listOf(all[2], all[4], all[9]), best(RecommendOptions(among = intArrayOf(all[9], all[4], all[9], all[2]))))
            assertEquals(listOf<Int>(), best(RecommendOptions(among = intArrayOf())))
            assertTrue(best(RecommendOptions(among = intArrayOf(), addNeighbours = true)).size in 1..12)
            assertTrue(best(RecommendOptions(minRaters = 6)).all { catalog.raters(it) >= 6 })
            assertNotEquals(all, best(RecommendOptions(popularityDiscount = 1f)))
            assertEquals(all - all[0], best(RecommendOptions(leaveOut = intArrayOf(all[0]))))
            val fresh = user.recommend(6, RecommendOptions(newItems = 4)).count { catalog.raters(it.item) == 0 }
            assertEquals(4, fresh)
            assertEquals(all.filter { it % 2 == 0 }, best(RecommendOptions(filter = { it % 2 == 0 })))
            assertEquals(all.filter { it % 2 == 0 }, best(RecommendOptions(filter = { it % 2 == 0 }, threads = 4)))
        }
    }

    @Test
    fun whatAFilterThrowsComesOut(): Unit = Samples.catalog(Samples.choosing).use { catalog ->
        Samples.chooser(catalog).use { user ->
            val before = user.recommend(3)
            var calls = 0
            val cause = RuntimeException("out of stock")
            val filter = Filter {
                calls++
                throw cause
            }
            assertSame(cause, assertThrows<RuntimeException> { user.recommend(3, RecommendOptions(filter = filter)) })
            assertEquals(1, calls)
            // It may read, but neither change users nor ask: that would wait for itself.
            val nested = RecommendOptions(filter = { user.score(intArrayOf(it))[0] > 0 || user.recommend(1, RecommendOptions(filter = { true })).isNotEmpty() })
            assertEquals(before, user.recommend(3, nested))
            catalog.user().use { other ->
                catalog.questions().use { questions ->
                    for (change in listOf<() -> Unit>({ user.rate(1, 1f) }, { other.reset() }, { other.nextQuestion(questions) })) {
                        val options = RecommendOptions(
                            filter = {
                                change()
                                true
                            },
                        )
                        assertThrows<IllegalStateException> { user.recommend(3, options) }
                        change()
                    }
                }
            }
        }
        // Closing waits for nobody: the call that the filter is for goes on, and frees.
        val user = Samples.chooser(catalog)
        val closing = RecommendOptions(
            filter = {
                user.close()
                true
            },
        )
        assertEquals(3, user.recommend(3, closing).size)
        assertThrows<IllegalStateException> { user.recommend(3) }
    }

    @Test
    fun positiveOnlyModelsPredictNoRatings(): Unit = Samples.catalog(Samples.positiveOnly).use { catalog ->
        Samples.chooser(catalog).use { user ->
            assertStatus(Status.NOT_AVAILABLE) { user.predictAll() }
            assertStatus(Status.NOT_AVAILABLE) { user.deviations(intArrayOf(1)) }
            assertStatus(Status.NOT_AVAILABLE) { user.recommend(3, RecommendOptions(order = Order.RATING)) }
            for (found in user.recommend(5)) assertTrue(found.rating.isNaN() && found.deviation.isNaN() && !found.score.isNaN())
        }
    }

    @Test
    fun asksQuestions(): Unit = Samples.catalog().use { catalog ->
        val questions = catalog.questions()
        catalog.user().use { user ->
            val unknown = ArrayList<Int>()
            repeat(catalog.size) {
                val question = user.nextQuestion(questions, Asked(unknown = unknown.toIntArray()))!!
                assertTrue(question.item !in unknown && question.reduction > 0 && question.known in 0f..1f)
                unknown += question.item
            }
            assertNull(user.nextQuestion(questions, Asked(unknown.toIntArray())))
            assertEquals(1, user.nextQuestion(questions, Asked(known = intArrayOf(1)))!!.item)
            // An empty list is not none: nothing is known, so nothing can be asked.
            assertNull(user.nextQuestion(questions, Asked(known = intArrayOf())))
            assertNotEquals(2, user.nextQuestion(questions, Asked(leaveOut = intArrayOf(2)))!!.item)
            assertStatus(Status.ITEM_INDEX) { user.nextQuestion(questions, Asked(leaveOut = intArrayOf(3))) }
            Samples.catalog().use { other ->
                other.user().use { stranger -> assertStatus(Status.INVALID_ARGUMENT) { stranger.nextQuestion(questions) } }
            }
        }
        questions.close()
    }

    @Test
    fun valuesAreWrittenAsPeopleDo() {
        assertEquals("age=1 year=1999.5 region=moon", listOf(Value.index("age", 1), Value.number("year", 1999.5f), Value.name("region", "moon")).joinToString(" "))
        assertEquals("4294967295", Value.index("age", -1).text)
        assertEquals(Value.name("a", "b").hashCode(), Value.name("a", "b").hashCode())
        assertNotEquals(Value.index("a", 1), Value.number("a", Float.fromBits(1)))
    }
}
