package io.github.melurs

import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File
import kotlin.math.abs

/** The numbers that all languages must give; `tests/everywhere.rs` says what is in the file. */
class EverywhereTest {
    private val golden = JsonParser.parseString(File(Samples.root, "tests/golden/everywhere.json").readText()).asJsonObject
    private val tolerance = golden["tolerance"].asDouble

    private fun ints(list: JsonElement): IntArray = list.asJsonArray.map { it.asInt }.toIntArray()

    private fun floats(list: JsonElement): FloatArray = list.asJsonArray.map { it.asFloat }.toFloatArray()

    private fun texts(list: JsonElement): List<String> = list.asJsonArray.map { it.asString }

    private fun near(what: String, expected: Float, found: Float) {
        val right = abs(found - expected) <= tolerance * (1 + abs(expected))
        assertTrue(right, "$what: $found, not $expected")
    }

    private fun near(what: String, expected: FloatArray, found: FloatArray) {
        assertEquals(expected.size, found.size, what)
        for (place in expected.indices) near("$what $place", expected[place], found[place])
    }

    private fun value(of: JsonObject): Value {
        val field = of["field"].asString
        return when {
            of.has("name") -> Value.name(field, of["name"].asString)
            of.has("index") -> Value.index(field, of["index"].asInt)
            else -> Value.number(field, of["number"].asFloat)
        }
    }

    private fun options(of: JsonObject): RecommendOptions {
        val options = RecommendOptions()
        for ((key, given) in of.entrySet()) {
            when (key) {
                "leave_out" -> options.leaveOut = ints(given)
                "among" -> options.among = ints(given)
                "new_items" -> options.newItems = given.asInt
                "add_neighbours" -> options.addNeighbours = given.asBoolean
                "keep_rated" -> options.keepRated = given.asBoolean
                "order" -> options.order = Order.valueOf(given.asString.uppercase())
                "min_raters" -> options.minRaters = given.asInt
                "popularity_discount" -> options.popularityDiscount = given.asFloat
                "only_even" -> options.filter = Filter { !given.asBoolean || it % 2 == 0 }
                else -> throw AssertionError("unknown option $key")
            }
        }
        return options
    }

    private fun compare(what: String, expected: JsonObject, user: User, questions: Questions) {
        near("$what score", floats(expected["scores"]), user.scoreAll())
        if (expected.has("predicted")) {
            near("$what rating", floats(expected["predicted"]), user.predictAll())
        } else {
            assertStatus(Status.NOT_AVAILABLE) { user.predictAll() }
        }
        if (expected.has("predicted_deviations")) {
            val deviations = floats(expected["predicted_deviations"])
            near("$what deviation", deviations, user.deviations(IntArray(deviations.size) { it }))
        }
        if (expected.has("vector")) near("$what vector", floats(expected["vector"]), user.vector())

        val found = user.recommend(expected["count"].asInt, options(expected["options"].asJsonObject))
        val best = expected["best"].asJsonArray.map { it.asJsonObject }
        assertEquals(best.map { it["item"].asInt }, items(found), what)
        for ((wanted, recommendation) in best.zip(found)) {
            near("$what best score", wanted["score"].asFloat, recommendation.score)
            for ((key, number) in listOf("rating" to recommendation.rating, "deviation" to recommendation.deviation)) {
                if (wanted.has(key)) near("$what best $key", wanted[key].asFloat, number) else assertTrue(number.isNaN())
            }
        }

        val question = user.nextQuestion(questions, Asked(unknown = ints(expected["unknown"])))
        val wanted = expected["question"]
        if (wanted.isJsonNull) {
            assertEquals(null, question, what)
        } else {
            assertEquals(wanted.asJsonObject["item"].asInt, question!!.item, what)
            near("$what known", wanted.asJsonObject["known"].asFloat, question.known)
            near("$what reduction", wanted.asJsonObject["reduction"].asFloat, question.reduction)
        }
    }

    @Test
    fun theNumbersAreThoseOfAllLanguages() {
        var users = 0
        for (described in golden["models"].asJsonArray.map { it.asJsonObject }) {
            val file = described["file"].asString
            Model.open(File(Samples.root, file)).use { model ->
                val details = model.details
                for ((key, found) in listOf("choice" to details.choice, "ratings" to details.ratings, "deviations" to details.deviations)) {
                    assertEquals(described[key].asBoolean, found, "$file $key")
                }
                assertEquals(described["items"].asInt, details.items)
                assertEquals(described["vector_width"].asInt, details.vectorWidth)
                val catalog = model.catalog()
                assertEquals(texts(described["ids"]), List(catalog.size, catalog::id))
                assertEquals(texts(described["titles"]), List(catalog.size, catalog::title))
                val questions = catalog.questions()
                for (expected in described["users"].asJsonArray.map { it.asJsonObject }) {
                    val what = "$file user ${users++}"
                    val profile = expected["profile"].asJsonArray.map { value(it.asJsonObject) }
                    val answers = expected["answers"].asJsonArray.map(JsonElement::getAsJsonArray)
                    catalog.user(*profile.toTypedArray()).use { user ->
                        val ratings = answers.map { pair: JsonArray -> pair[1].asFloat }
                        user.adapt(answers.map { it[0].asInt }.toIntArray(), ratings.toFloatArray())
                        compare(what, expected, user, questions)
                    }
                    val saved = expected["saved"].asString.chunked(2) { it.toString().toInt(16).toByte() }
                    catalog.load(saved.toByteArray()).use { user ->
                        assertEquals(LoadReport(adaptedAnew = false, missingItems = 0), user.loaded)
                        compare("$what loaded", expected, user, questions)
                    }
                }
                questions.close()
                catalog.close()
            }
        }
        assertTrue(users >= 3)
    }
}
