import { MeluError } from "./errors.js";

const CHUNK = 1 << 16;
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

/**
 * The memory of a module, and the room in it where calls pass arguments.
 *
 * The room is a stack, since a filter may call the library while another call waits for it.
 * Growing memory detaches all views of it: they are made anew where the buffer is another.
 */
export class Memory {
  #memory;
  #allocate;
  #free;
  #bytes;
  #view;
  #chunks = [];
  #chunk = -1;
  #offset = 0;

  /**
   * @param {WebAssembly.Memory} memory
   * @param {(bytes: number) => number} allocate
   * @param {(place: number) => void} free
   */
  constructor(memory, allocate, free) {
    this.#memory = memory;
    this.#allocate = allocate;
    this.#free = free;
  }

  /** All bytes, until the next call. */
  get bytes() {
    if (this.#bytes?.buffer !== this.#memory.buffer) this.#bytes = new Uint8Array(this.#memory.buffer);
    return this.#bytes;
  }

  get #data() {
    if (this.#view?.buffer !== this.#memory.buffer) this.#view = new DataView(this.#memory.buffer);
    return this.#view;
  }

  /** The size of all memory, in bytes. */
  get size() {
    return this.#memory.buffer.byteLength;
  }

  /** Does work that takes room, and gives the room back. */
  during(work) {
    const [chunk, offset] = [this.#chunk, this.#offset];
    if (chunk < 0 && this.#chunks.length > 1) this.#join();
    try {
      return work();
    } finally {
      this.#chunk = chunk;
      this.#offset = offset;
    }
  }

  /** Room for so many bytes, aligned to 8, until `during` ends. */
  room(bytes) {
    const size = (bytes + 7) & ~7;
    if (this.#chunk < 0 || this.#offset + size > this.#chunks[this.#chunk].size) {
      const next = this.#chunk + 1;
      if (!(this.#chunks[next]?.size >= size)) {
        const whole = Math.max(CHUNK, size);
        this.#chunks.splice(next, 0, { begin: this.block(whole), size: whole });
      }
      this.#chunk = next;
      this.#offset = 0;
    }
    const place = this.#chunks[this.#chunk].begin + this.#offset;
    this.#offset += size;
    return place;
  }

  /** Makes one chunk of all, so that calls of many sizes do not leave many behind. */
  #join() {
    const whole = this.#chunks.reduce((sum, { size }) => sum + size, 0);
    for (const { begin } of this.#chunks.splice(0)) this.#free(begin);
    this.#chunks.push({ begin: this.block(whole), size: whole });
  }

  /** The same, filled with zeros. */
  zeros(bytes) {
    const place = this.room(bytes);
    this.bytes.fill(0, place, place + bytes);
    return place;
  }

  /** A block for the caller to keep. */
  block(bytes) {
    const place = this.#allocate(bytes) >>> 0;
    if (place === 0) throw new MeluError("OUT_OF_MEMORY", `there is no memory for ${bytes} bytes`);
    return place;
  }

  /** A number at a place. */
  u32(place) {
    return this.#data.getUint32(place, true);
  }

  i32(place) {
    return this.#data.getInt32(place, true);
  }

  u64(place) {
    return this.#data.getBigUint64(place, true);
  }

  f32(place) {
    return this.#data.getFloat32(place, true);
  }

  setU32(place, value) {
    this.#data.setUint32(place, value, true);
  }

  setF32(place, value) {
    this.#data.setFloat32(place, value, true);
  }

  /** Copies a typed array in; where it lies, 0 if it is empty. */
  copyIn(array) {
    if (array.length === 0) return 0;
    const place = this.room(array.byteLength);
    this.bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), place);
    return place;
  }

  /** Copies out `length` elements of a typed array's kind. */
  copyOut(Kind, place, length) {
    const out = new Kind(length);
    const bytes = this.bytes.subarray(place, place + out.byteLength);
    new Uint8Array(out.buffer).set(bytes);
    return out;
  }

  /** Writes a text as a melu_str at a place. */
  writeText(place, text) {
    const bytes = ENCODER.encode(text);
    const data = this.copyIn(bytes);
    this.setU32(place, data);
    this.setU32(place + 4, bytes.length);
  }

  /** Room with a melu_str of a text. */
  text(text) {
    const place = this.room(8);
    this.writeText(place, text);
    return place;
  }

  /** The text of the melu_str at a place. */
  readText(place) {
    const [data, length] = [this.u32(place), this.u32(place + 4)];
    return DECODER.decode(this.bytes.subarray(data, data + length));
  }

  /** The text of so many bytes at a place. */
  decode(place, length) {
    return DECODER.decode(this.bytes.subarray(place, place + length));
  }
}
