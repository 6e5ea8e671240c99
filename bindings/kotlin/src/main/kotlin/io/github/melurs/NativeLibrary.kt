package io.github.melurs

import java.io.File
import java.io.InputStream
import java.nio.file.Files
import java.nio.file.Path

/** The property that names the native library's file, to be taken instead of the jar's. */
private const val PATH_PROPERTY = "melu.library.path"

private const val NAME = "melu_jni"

/**
 * Loads the native library: the file that the property names, else the jar's for this platform,
 * else what the system finds, as on Android, where it lies beside the app.
 */
internal fun loadNativeLibrary() {
    val path = System.getProperty(PATH_PROPERTY)
    if (path != null) {
        System.load(File(path).absolutePath)
        return
    }
    val resource = "native/${platform()}/${System.mapLibraryName(NAME)}"
    val inJar = Native::class.java.getResourceAsStream(resource)
    if (inJar != null) {
        inJar.use(Extracted::load)
        return
    }
    try {
        System.loadLibrary(NAME)
    } catch (cause: UnsatisfiedLinkError) {
        val failure = UnsatisfiedLinkError(
            "melu's native library is neither in the jar, as $resource, nor in java.library.path; " +
                "the property $PATH_PROPERTY may name its file",
        )
        failure.initCause(cause)
        throw failure
    }
}

/** System and processor, as `linux-x86_64`. */
internal fun platform(
    system: String = System.getProperty("os.name"),
    processor: String = System.getProperty("os.arch"),
): String {
    val systems = when {
        system.startsWith("Windows") -> "windows"
        system.startsWith("Mac") -> "macos"
        else -> system.lowercase().replace(' ', '-')
    }
    val processors = when (processor) {
        "amd64", "x86_64" -> "x86_64"
        "aarch64", "arm64" -> "aarch64"
        else -> processor
    }
    return "$systems-$processors"
}

/** Apart from the rest since older Androids do not have java.nio.file, and do not come here. */
private object Extracted {
    /** From a folder that only this user can read or write, so that nobody can change the file. */
    fun load(library: InputStream) {
        val folder: Path = Files.createTempDirectory("melu")
        val file = folder.resolve(System.mapLibraryName(NAME))
        try {
            Files.copy(library, file)
            System.load(file.toAbsolutePath().toString())
        } finally {
            // What is loaded needs its file no more, except on Windows, which keeps it until
            // the end: there, Java tries again when it exits.
            if (!file.toFile().delete()) {
                folder.toFile().deleteOnExit()
                file.toFile().deleteOnExit()
            } else {
                folder.toFile().delete()
            }
        }
    }
}
