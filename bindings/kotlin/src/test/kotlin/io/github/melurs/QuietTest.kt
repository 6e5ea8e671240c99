package io.github.melurs

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Order as TestOrder
import org.junit.jupiter.api.Test
import java.io.File

/** Runs last, and reads what the virtual machine said of all the tests' native calls. */
@TestOrder(Int.MAX_VALUE)
class QuietTest {
    @Test
    fun theVirtualMachineHasNoObjections() {
        Samples.catalog().close()
        val file = File(System.getProperty("melu.log"))
        // It keeps what it says for a while. Asked for its threads, it writes them behind the rest.
        ProcessBuilder("kill", "-QUIT", ProcessHandle.current().pid().toString()).start().waitFor()
        var log = file.readLines()
        for (attempt in 0..1000) {
            if (log.any { "Full thread dump" in it }) break
            Thread.sleep(10)
            log = file.readLines()
        }
        assertTrue(log.any { "Full thread dump" in it }, "the virtual machine said nothing: $log")
        assertTrue(log.any { "-Xcheck:jni" in it }, "the virtual machine did not check: $log")
        assertEquals(listOf<String>(), log.filter { "WARNING" in it || "FATAL" in it }.distinct())
    }
}
