package io.github.melurs

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.io.File
import java.io.FileDescriptor
import java.io.RandomAccessFile
import java.lang.ref.WeakReference
import java.nio.ByteBuffer
import java.nio.channels.FileChannel

class ModelTest {
    private val bytes = Samples.choosing.readBytes()
    private val scores = scores(Model.open(Samples.choosing))

    private fun scores(model: Model): List<Float> = model.use {
        it.catalog().use { catalog -> Samples.chooser(catalog).use { user -> user.scoreAll().toList() } }
    }

    private fun direct(bytes: ByteArray, before: Int = 0): ByteBuffer {
        val buffer = ByteBuffer.allocateDirect(before + bytes.size + 7)
        buffer.position(before)
        buffer.put(bytes)
        buffer.position(before)
        buffer.limit(before + bytes.size)
        return buffer
    }

    private fun number(file: RandomAccessFile): Int {
        val field = FileDescriptor::class.java.getDeclaredField("fd")
        field.isAccessible = true
        return field.getInt(file.fd)
    }

    /** A model somewhere in a file, as an asset lies in an app. */
    private fun <T> asset(offset: Int, call: (descriptor: Int) -> T): T {
        val file = File.createTempFile("asset", null)
        try {
            file.writeBytes(ByteArray(offset) + bytes + ByteArray(100))
            return RandomAccessFile(file, "r").use { call(number(it)) }
        } finally {
            file.delete()
        }
    }

    @Test
    fun opensTheSameModelFromEverywhere() {
        assertEquals(scores, scores(Model.open(Samples.choosing.path)))
        val copied = bytes.copyOf()
        val model = Model.open(copied)
        copied.fill(0)
        assertEquals(scores, scores(model))
        for (before in listOf(0, 64, 1)) {
            val buffer = direct(bytes, before)
            assertEquals(scores, scores(Model.open(buffer)))
            assertEquals(before, buffer.position())
            assertEquals(scores, scores(Model.open(buffer.slice().asReadOnlyBuffer())))
        }
        RandomAccessFile(Samples.choosing, "r").use { file ->
            val mapped = file.channel.map(FileChannel.MapMode.READ_ONLY, 0, file.length())
            assertEquals(scores, scores(Model.open(mapped)))
        }
        for (offset in listOf(0, 4096, 64, 8192 + 64, 1, 4095)) {
            // The descriptor is closed, and the file deleted, before the model is used.
            val opened = asset(offset) { Model.openDescriptor(it, offset.toLong(), bytes.size.toLong()) }
            assertEquals(scores, scores(opened), "offset $offset")
        }
    }

    @Test
    fun saysWhatItIs(): Unit = Model.open(Samples.ratings).use { model ->
        val details = model.details
        assertNotEquals(0L, details.fingerprint)
        assertEquals(
            ModelDetails(details.fingerprint, 2, 4, 3, 2, 8, 0, choice = false, ratings = true, clicks = false, deviations = true),
            details,
        )
        assertEquals(listOf(Evidence(2, 1f, 1f, 1f), Evidence(0, .5f, .625f, .75f)), model.evidence(Int.MAX_VALUE))
        assertEquals(listOf(Evidence(2, 1f, 1f, 1f)), model.evidence(1))
        assertEquals(listOf<Evidence>(), model.evidence(0))
        fun field(name: String, kind: FieldKind, size: Int, vararg values: String) =
            Field(name, kind, size, values.toList(), Float.NaN, Float.NaN)
        assertEquals(
            listOf(
                field("genres", FieldKind.MULTI, 4, "comedy", "drama", "war", "Ärger"),
                field("studio", FieldKind.ONE, 3, "a", "b", "c"),
                field("year", FieldKind.NUMERIC, 0),
                field("label", FieldKind.ONE, 2),
            ),
            model.itemFields,
        )
        assertEquals(
            listOf(field("region", FieldKind.ONE, 5, "e", "middle", "n", "s", "w"), field("age", FieldKind.ONE, 2)),
            model.userFields,
        )
        assertTrue(Melu.version.matches(Regex("\\d+\\.\\d+\\.\\d+")), Melu.version)
        assertTrue(Melu.kernel in listOf("avx512", "avx2", "sse2", "neon", "portable"), Melu.kernel)
    }

    @Test
    fun saysWhatIsWrong() {
        assertStatus(Status.IO) { Model.open("/nonexistent/none.melu") }
        // Not only names in ASCII, nor only what Java's own strings in C can hold.
        val failure = assertThrows<MeluException> { Model.open("/nonexistent/\uD83C\uDFAC Ärger\u0000.melu") }
        assertTrue("\uD83C\uDFAC Ärger" in failure.message!!, failure.message)
        val long = "\uD83C\uDFAC".repeat(300)
        for (shift in 0..3) {
            val cut = assertThrows<MeluException> { Model.open("/" + "x".repeat(shift) + long) }
            assertTrue('\uFFFD' !in cut.message!!, cut.message)
            // Nor is anything there behind it.
            assertTrue(cut.message!!.endsWith("\uD83C\uDFAC"), cut.message)
        }
        Model.open(Samples.ratings).use { it.catalog() }.use { catalog ->
            for (shift in 0..1) {
                val field = "x".repeat(shift) + "\u00E4".repeat(500)
                val cut = assertThrows<MeluException> { catalog.user(Value.name(field, "red")) }
                assertEquals(Status.UNKNOWN_FIELD, cut.status)
                assertTrue(cut.message!!.endsWith("\u00E4\u00E4"), cut.message)
                // No more is cut than has to be.
                assertTrue(cut.message!!.toByteArray().size >= 494, cut.message)
            }
        }
        assertStatus(Status.INVALID_UTF8) { Model.open("half \uD83C of a pair") }
        assertStatus(Status.WEIGHT_FILE) { Model.open(ByteArray(0)) }
        assertStatus(Status.WEIGHT_FILE) { Model.open(ByteArray(1000)) }
        assertStatus(Status.WEIGHT_FILE) { Model.open(direct(ByteArray(1000))) }
        assertStatus(Status.WEIGHT_FILE) { Model.open(ByteBuffer.allocateDirect(0)) }
        assertThrows<IllegalArgumentException> { Model.open(ByteBuffer.wrap(bytes)) }
        assertStatus(Status.IO) { Model.openDescriptor(-1, 0, 1) }
        asset(64) { descriptor ->
            val size = bytes.size.toLong()
            assertStatus(Status.WEIGHT_FILE) { Model.openDescriptor(descriptor, 63, size) }
            assertStatus(Status.WEIGHT_FILE) { Model.openDescriptor(descriptor, 64, 0) }
            for ((offset, length) in listOf(-1L to size, 64L to -1L, 165L to size, 0L to Long.MAX_VALUE, Long.MAX_VALUE to 1L)) {
                assertStatus(Status.INVALID_ARGUMENT) { Model.openDescriptor(descriptor, offset, length) }
            }
        }
        for (open in listOf<(OpenOptions) -> Model>(
            { Model.open(Samples.ratings, it) },
            { Model.open(Samples.ratings.path, it) },
            { Model.open(Samples.ratings.readBytes(), it) },
            { Model.open(direct(Samples.ratings.readBytes()), it) },
            { options ->
                RandomAccessFile(Samples.ratings, "r").use {
                    Model.openDescriptor(number(it), 0, it.length(), options)
                }
            },
        )) {
            open(OpenOptions(maxMemory = 1)).use { model ->
                val item = Item("a", listOf(Value.name("genres", "war")))
                assertStatus(Status.MEMORY_LIMIT) { model.catalog(List(100) { Item("a$it", item.values) }) }
            }
            open(OpenOptions(copy = true)).use { model -> model.catalog().use { assertEquals(3, it.size) } }
            assertThrows<IllegalArgumentException> { open(OpenOptions(maxMemory = -1)) }
        }
        Model.open(bytes).use { model ->
            assertStatus(Status.NOT_AVAILABLE) { model.evidence(3) }
            assertThrows<IllegalArgumentException> { model.evidence(-1) }
        }
    }

    @Test
    fun aBufferLivesAsLongAsWhatWasMadeOfIt() {
        var buffer: ByteBuffer? = direct(bytes, 64)
        val alive = WeakReference(buffer)
        val model = Model.open(buffer!!)
        buffer = null
        val catalog = model.catalog()
        val user = Samples.chooser(catalog)
        model.close()
        catalog.close()
        repeat(3) { System.gc() }
        assertNotNull(alive.get())
        assertEquals(scores, user.scoreAll().toList())
        user.close()
        for (attempt in 0..100) {
            if (alive.get() == null) return
            System.gc()
            Thread.sleep(10)
        }
        throw AssertionError("the buffer is kept for ever")
    }

    @Test
    fun whatIsMappedIsUnmapped() {
        fun mappings() = File("/proc/self/maps").readLines().count { "/asset" in it }
        val before = mappings()
        asset(100) { descriptor ->
            val models = List(10) { Model.openDescriptor(descriptor, 100, bytes.size.toLong()) }
            assertTrue(mappings() > before)
            models.forEach(Model::close)
            assertStatus(Status.WEIGHT_FILE) { Model.openDescriptor(descriptor, 99, bytes.size.toLong()) }
            assertEquals(before, mappings())
        }
    }

    @Test
    fun theLibraryIsNamedByPlatform() {
        assertEquals("linux-x86_64", platform("Linux", "amd64"))
        assertEquals("macos-aarch64", platform("Mac OS X", "aarch64"))
        assertEquals("windows-x86_64", platform("Windows 11", "amd64"))
        // It was unpacked from the jar's resources, and nothing of it is left.
        assertNotNull(Melu.kernel)
        val left = File(System.getProperty("java.io.tmpdir")).listFiles { file -> File(file, System.mapLibraryName("melu_jni")).exists() }
        assertEquals(listOf<File>(), left!!.toList())
    }
}
