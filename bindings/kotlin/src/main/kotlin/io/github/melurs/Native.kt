package io.github.melurs

import java.nio.ByteBuffer
import java.nio.FloatBuffer

/**
 * The native methods, as `native/` has them: handles are numbers, texts are UTF-8, and what C
 * returns as a struct is an array of numbers. Who calls them owns the handles, and sees to it
 * that nobody frees one meanwhile.
 */
internal object Native {
    init {
        loadNativeLibrary()
    }

    /** Called by the native library, which throws what this returns. */
    @JvmStatic
    fun failure(status: Int, message: ByteArray): MeluException =
        MeluException(Status.of(status), text(message))

    @JvmStatic external fun version(): ByteArray
    @JvmStatic external fun kernel(): ByteArray
    @JvmStatic external fun statusText(status: Int): ByteArray

    @JvmStatic external fun modelOpen(path: ByteArray, maxMemory: Long, copy: Boolean): Long
    @JvmStatic external fun modelOpenBytes(bytes: ByteArray, maxMemory: Long): Long
    @JvmStatic external fun modelOpenBuffer(buffer: ByteBuffer, position: Int, length: Int, maxMemory: Long): Long
    @JvmStatic external fun modelOpenDescriptor(descriptor: Int, offset: Long, length: Long, maxMemory: Long): Long
    @JvmStatic external fun modelFree(model: Long)
    @JvmStatic external fun modelInfo(model: Long): LongArray
    @JvmStatic external fun modelEvidence(model: Long, count: Int): IntArray
    @JvmStatic external fun modelField(model: Long, entity: Int, index: Int, numbers: IntArray): ByteArray?
    @JvmStatic external fun modelFieldValue(model: Long, entity: Int, index: Int, value: Int): ByteArray

    @JvmStatic external fun modelCatalog(model: Long): Long
    @JvmStatic external fun catalogNew(model: Long, numbers: IntArray, text: ByteArray, unknown: LongArray): Long
    @JvmStatic external fun catalogExtend(catalog: Long, numbers: IntArray, text: ByteArray, unknown: LongArray): Long
    @JvmStatic external fun catalogRemove(catalog: Long, items: IntArray): Long
    @JvmStatic external fun catalogConvert(catalog: Long, dataType: Int): Long
    @JvmStatic external fun catalogFree(catalog: Long)
    @JvmStatic external fun catalogLen(catalog: Long): Int
    @JvmStatic external fun catalogFind(catalog: Long, id: ByteArray): Int
    @JvmStatic external fun catalogId(catalog: Long, item: Int): ByteArray
    @JvmStatic external fun catalogTitle(catalog: Long, item: Int): ByteArray
    @JvmStatic external fun catalogRaters(catalog: Long, item: Int): Int
    @JvmStatic external fun catalogVectorWidth(catalog: Long): Int
    @JvmStatic external fun catalogVectors(catalog: Long, begin: Int, end: Int, vectors: FloatArray)
    @JvmStatic external fun catalogVectorsInto(catalog: Long, begin: Int, end: Int, vectors: FloatBuffer, position: Int)

    @JvmStatic external fun questionsNew(catalog: Long): Long
    @JvmStatic external fun questionsFree(questions: Long)

    @JvmStatic external fun userNew(catalog: Long, numbers: IntArray?, text: ByteArray?, unknown: LongArray): Long
    @JvmStatic external fun userFree(user: Long)
    @JvmStatic external fun userAdapt(user: Long, items: IntArray, ratings: FloatArray)
    @JvmStatic external fun userReset(user: Long)
    @JvmStatic external fun userRate(user: Long, item: Int, rating: Float)
    @JvmStatic external fun userWithdraw(user: Long, item: Int): Boolean
    @JvmStatic external fun userRatings(user: Long): IntArray
    @JvmStatic external fun userUnknownProfile(user: Long, texts: Array<ByteArray?>): IntArray
    @JvmStatic external fun userSave(user: Long): ByteArray
    @JvmStatic external fun userLoad(catalog: Long, bytes: ByteArray, report: LongArray): Long

    @JvmStatic external fun userScore(user: Long, items: IntArray?, count: Int): FloatArray
    @JvmStatic external fun userScoreInto(user: Long, items: IntArray?, count: Int, scores: FloatBuffer, position: Int)
    @JvmStatic external fun userPredict(user: Long, items: IntArray?, count: Int, deviations: Boolean): FloatArray
    @JvmStatic external fun userPredictInto(
        user: Long,
        items: IntArray?,
        count: Int,
        ratings: FloatBuffer,
        position: Int,
        deviations: FloatBuffer?,
        deviationsPosition: Int,
    )
    @JvmStatic external fun userVector(user: Long): FloatArray
    @JvmStatic external fun userRecommend(
        user: Long,
        count: Int,
        leaveOut: IntArray?,
        among: IntArray?,
        flags: Int,
        order: Int,
        newItems: Int,
        minRaters: Int,
        popularityDiscount: Float,
        threads: Int,
        filter: Filter?,
    ): IntArray
    @JvmStatic external fun userRecommendBatch(
        users: LongArray,
        offsets: IntArray?,
        items: IntArray,
        ratings: FloatArray,
        count: Int,
        counts: IntArray,
        leaveOut: IntArray?,
        among: IntArray?,
        flags: Int,
        order: Int,
        newItems: Int,
        minRaters: Int,
        popularityDiscount: Float,
        threads: Int,
        filter: Filter?,
    ): IntArray
    @JvmStatic external fun userNextQuestion(
        user: Long,
        questions: Long,
        unknown: IntArray?,
        leaveOut: IntArray?,
        known: IntArray?,
    ): IntArray?
}

/** A text out of its UTF-8. */
internal fun text(bytes: ByteArray): String = String(bytes, Charsets.UTF_8)

/** The UTF-8 of a text; half of a surrogate pair has none. */
internal fun utf8(text: String): ByteArray = try {
    text.encodeToByteArray(throwOnInvalidSequence = true)
} catch (_: java.nio.charset.CharacterCodingException) {
    throw MeluException(Status.INVALID_UTF8, "the text \"$text\" has half of a surrogate pair and no UTF-8")
}
