package io.github.melurs

import java.lang.ref.PhantomReference
import java.lang.ref.ReferenceQueue
import java.util.Collections
import java.util.IdentityHashMap
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.locks.ReentrantLock
import kotlin.concurrent.withLock

/**
 * What C made, and who uses it. It is freed once, when it is closed and no call uses it any
 * more: no call can meet a handle that is gone, whatever threads do.
 *
 * It is closed by its owner, or, as a net, when the owner is garbage: a call that is under way
 * then keeps it as any other does. Garbage is looked for when another handle is made, which
 * bounds it as well as a thread would, and needs none.
 */
internal class Handle(
    owner: Any,
    @JvmField internal val pointer: Long,
    private val kind: String,
    private val free: (Long) -> Unit,
) : PhantomReference<Any>(owner, garbage) {
    private val lock = ReentrantLock()
    private val idle = lock.newCondition()
    private var readers = 0
    private var writing = false
    private var closed = false

    /** The thread of a call for several handles that runs alone. */
    private var batch: Thread? = null

    init {
        open.add(this)
        collect()
    }

    /** A call that may run beside others of its kind. */
    inline fun <T> shared(call: (Long) -> T): T {
        enterShared()
        try {
            return call(pointer)
        } finally {
            leave()
        }
    }

    /** A call that runs alone: it waits for the others, and they wait for it. */
    inline fun <T> exclusive(call: (Long) -> T): T {
        enterExclusive()
        try {
            return call(pointer)
        } finally {
            leave()
        }
    }

    @PublishedApi
    internal fun enterShared() = lock.withLock {
        // It would wait for the very call that the filter is for.
        check(batch !== Thread.currentThread()) { "a filter must not use the $kind of a batch that adapts" }
        // Readers do not wait for writers that wait: else a filter that reads would wait for a
        // writer, which waits for the call that the filter is for.
        while (writing && !closed) idle.awaitUninterruptibly()
        checkOpen()
        readers++
    }

    @PublishedApi
    internal fun enterExclusive() {
        // It would wait for the very call that the filter is for, or two such calls for each
        // other.
        check(filtering.get() != true) { "a filter must not change users or ask questions" }
        lock.withLock {
            while ((writing || readers > 0) && !closed) idle.awaitUninterruptibly()
            checkOpen()
            writing = true
        }
    }

    @PublishedApi
    internal fun leave() {
        val last = lock.withLock {
            if (writing) writing = false else readers--
            batch = null
            idle.signalAll()
            closed && readers == 0
        }
        if (last) release()
    }

    /** Enters alone if nobody is in. */
    private fun tryEnter(): Boolean = lock.withLock {
        checkOpen()
        val free = !writing && readers == 0
        if (free) {
            writing = true
            batch = Thread.currentThread()
        }
        free
    }

    /** Waits until nobody is in, or it is closed. */
    private fun awaitIdle() = lock.withLock {
        while ((writing || readers > 0) && !closed) idle.awaitUninterruptibly()
    }

    /** Calls that are under way go on, and the last of them frees. */
    fun close() {
        val unused = lock.withLock {
            if (closed) return
            closed = true
            idle.signalAll()
            readers == 0 && !writing
        }
        if (unused) release()
    }

    private fun checkOpen() = check(!closed) { "the $kind is closed" }

    private fun release() {
        open.remove(this)
        free(pointer)
    }

    companion object {
        private val garbage = ReferenceQueue<Any>()

        /** Keeps handles themselves from being garbage before they are freed. */
        private val open: MutableSet<Handle> = Collections.newSetFromMap(ConcurrentHashMap())

        /** Whether this thread is in a filter. */
        private val filtering = ThreadLocal<Boolean>()

        /** How many there are that were not freed. */
        val count: Int get() = open.size

        /** Closes those whose owners are garbage. */
        fun collect() {
            while (true) (garbage.poll() as Handle? ?: return).close()
        }

        /** A call that may run beside others of its kind, for several handles. */
        fun <T> shared(handles: List<Handle>, call: () -> T): T {
            var entered = 0
            try {
                for (handle in handles) {
                    handle.enterShared()
                    entered++
                }
                return call()
            } finally {
                for (place in 0 until entered) handles[place].leave()
            }
        }

        /**
         * A call that runs alone, for several handles. It holds none while it waits for another:
         * two such calls could wait for each other, or one for a filter that waits for it.
         */
        fun <T> exclusive(handles: List<Handle>, call: () -> T): T {
            check(filtering.get() != true) { "a filter must not change users or ask questions" }
            val different = IdentityHashMap<Handle, Boolean>()
            for (handle in handles) require(different.put(handle, true) == null) { "a ${handle.kind} is there twice" }
            var entered = 0
            try {
                while (entered < handles.size) {
                    val handle = handles[entered]
                    if (handle.tryEnter()) {
                        entered++
                    } else {
                        while (entered > 0) handles[--entered].leave()
                        handle.awaitIdle()
                    }
                }
                return call()
            } finally {
                for (place in 0 until entered) handles[place].leave()
            }
        }

        /** A call that runs a filter on this thread. */
        inline fun <T> filtering(call: () -> T): T {
            val outer = filtering.get()
            filtering.set(true)
            try {
                return call()
            } finally {
                filtering.set(outer)
            }
        }
    }
}
