package io.github.melurs

import java.io.ByteArrayOutputStream

/**
 * One value of one field of a user or an item. A field that takes several values is given once
 * for each; a field of which nothing is known is left out.
 *
 * @property field the name of the field that it is of
 */
public class Value private constructor(
    public val field: String,
    private val kind: Int,
    private val bits: Int,
    private val name: String,
) {
    /** The value as people write it: its name, or the number or index. */
    public val text: String
        get() = when (kind) {
            NAME -> name
            INDEX -> bits.toUInt().toString()
            else -> Float.fromBits(bits).toString()
        }

    override fun toString(): String = "$field=$text"

    override fun equals(other: Any?): Boolean =
        other is Value && field == other.field && kind == other.kind && bits == other.bits && name == other.name

    override fun hashCode(): Int = 31 * (31 * field.hashCode() + name.hashCode()) + bits

    internal fun pack(packed: Packed) {
        packed.number(kind)
        packed.number(bits)
        packed.text(field)
        packed.text(name)
    }

    public companion object {
        private const val NAME = 0
        private const val INDEX = 1
        private const val NUMBER = 2

        /**
         * A value by its name in the model's vocabulary. A name that the vocabulary lacks is left
         * out, and counted as unknown.
         */
        @JvmStatic
        public fun name(field: String, name: String): Value = Value(field, NAME, 0, name)

        /** A value by its index in the vocabulary, for models without names. */
        @JvmStatic
        public fun index(field: String, index: Int): Value = Value(field, INDEX, index, "")

        /** The value of a numeric field. */
        @JvmStatic
        public fun number(field: String, number: Float): Value = Value(field, NUMBER, number.toRawBits(), "")

        /** Values as C packs them: four numbers each, and the text of all. */
        internal fun unpack(numbers: IntArray, text: ByteArray): List<Value> {
            var next = 0
            fun take(length: Int): String {
                next += length
                return String(text, next - length, length, Charsets.UTF_8)
            }
            return List(numbers.size / 4) { place ->
                val first = 4 * place
                val field = take(numbers[first + 2])
                Value(field, numbers[first], numbers[first + 1], take(numbers[first + 3]))
            }
        }
    }
}

/**
 * An item given by its field values: nobody need have rated it.
 *
 * @property id what the program calls it; no two alike
 * @property values what is known of it
 * @property title what people know it by; empty if it has none
 */
public class Item @JvmOverloads constructor(
    public val id: String,
    public val values: List<Value>,
    public val title: String = "",
)

/** Items and values as C unpacks them: one array of numbers, and the text that they measure. */
internal class Packed private constructor() {
    private var length = 0
    private var numbers = IntArray(64)
    private val text = ByteArrayOutputStream()

    fun number(number: Int) {
        if (length == numbers.size) numbers = numbers.copyOf(2 * length)
        numbers[length++] = number
    }

    fun text(of: String) {
        val bytes = utf8(of)
        number(bytes.size)
        text.write(bytes, 0, bytes.size)
    }

    fun numbers(): IntArray = numbers.copyOf(length)

    fun text(): ByteArray = text.toByteArray()

    companion object {
        fun profile(values: Array<out Value>): Packed {
            val packed = Packed()
            packed.number(0)
            packed.number(values.size)
            for (value in values) value.pack(packed)
            return packed
        }

        fun items(items: List<Item>): Packed {
            val packed = Packed()
            packed.number(items.size)
            packed.number(items.sumOf { it.values.size })
            for (item in items) {
                packed.text(item.id)
                packed.text(item.title)
                packed.number(item.values.size)
                for (value in item.values) value.pack(packed)
            }
            return packed
        }
    }
}
