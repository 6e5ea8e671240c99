import { Catalog, writeItems } from "./catalog.js";
import { NOT_AVAILABLE } from "./errors.js";
import { Handle } from "./handle.js";
import { byteList, count } from "./lists.js";

const DETAILS = 56;
const FIELD = 32;
const EVIDENCE = 16;
const KINDS = ["one", "multi", "numeric"];
const ENTITIES = { item: 0, user: 1 };

/** A meta-trained model: an opened weight file. */
export class Model extends Handle {
  #details;
  #fields = {};

  constructor(library, bytes, { maxMemory = 0 } = {}) {
    bytes = byteList(bytes, "bytes");
    maxMemory = count(maxMemory, "maxMemory");
    const { memory } = library;
    // Where the bytes stay until the last of what needs them is freed.
    const block = memory.block(bytes.length);
    let pointer;
    try {
      memory.bytes.set(bytes, block);
      pointer = library.made((out) => {
        const options = memory.zeros(24);
        memory.setU32(options, 24);
        memory.setU32(options + 4, maxMemory);
        memory.setU32(options + 12, 1); // borrow
        memory.setU32(options + 16, library.releasePointer);
        memory.setU32(options + 20, block);
        library.call("melu_model_open_bytes", block, bytes.length, options, out);
      });
    } catch (error) {
      if (!library.dead) library.run("melu_host_free", block);
      throw error;
    }
    super(library, "melu_model_free", pointer);
  }

  /** What the model is and has. */
  get details() {
    const { library, pointer } = Handle.of(this, Model);
    const { memory } = library;
    return (this.#details ??= memory.during(() => {
      const place = memory.zeros(DETAILS);
      memory.setU32(place, DETAILS);
      library.call("melu_model_info", pointer, place);
      const u32 = (offset) => memory.u32(place + offset);
      return Object.freeze({
        fingerprint: memory.u64(place + 8),
        items: u32(24),
        evidence: u32(28),
        headParameters: u32(32),
        vectorWidth: u32(36),
        choice: u32(40) !== 0,
        ratings: u32(44) !== 0,
        clicks: u32(48) !== 0,
        deviations: u32(52) !== 0,
      });
    }));
  }

  /** The fields of a user's profile. */
  get userFields() {
    return (this.#fields.user ??= this.#describe("user", 16));
  }

  /** The fields of an item. */
  get itemFields() {
    return (this.#fields.item ??= this.#describe("item", 20));
  }

  #describe(entity, offset) {
    const { library, pointer } = Handle.of(this, Model);
    const { memory } = library;
    return memory.during(() => {
      const details = memory.zeros(DETAILS);
      memory.setU32(details, DETAILS);
      library.call("melu_model_info", pointer, details);
      const fields = Array.from({ length: memory.u32(details + offset) }, (_, index) =>
        memory.during(() => this.#field(library, pointer, ENTITIES[entity], index)),
      );
      return Object.freeze(fields);
    });
  }

  #field(library, pointer, entity, index) {
    const { memory } = library;
    const place = memory.zeros(FIELD);
    memory.setU32(place, FIELD);
    library.call("melu_model_field", pointer, entity, index, place);
    const [name, kind] = [memory.readText(place + 4), KINDS[memory.u32(place + 12)]];
    const size = memory.u32(place + 20);
    const numbers = [memory.f32(place + 24), memory.f32(place + 28)];
    const named = memory.u32(place + 16) !== 0;
    const values = Array.from({ length: named ? size : 0 }, (_, value) =>
      library.text("melu_model_field_value", pointer, entity, index, value),
    );
    const [lowest, highest] = numbers.map((number) => (Number.isNaN(number) ? null : number));
    return Object.freeze({ name, kind, size, values: Object.freeze(values), lowest, highest });
  }

  /** A catalogue of the weight file's own items. */
  catalog() {
    const { library, pointer } = Handle.of(this, Model);
    const made = library.made((out) => library.call("melu_model_catalog", pointer, out));
    return new Catalog(library, this, made);
  }

  /** A catalogue of items given by their field values. */
  newCatalog(items) {
    const { library, pointer } = Handle.of(this, Model);
    const made = library.made((out) => {
      const [place, length] = writeItems(library.memory, this.itemFields, items);
      library.call("melu_catalog_new", pointer, place, length, out, 0);
    });
    return new Catalog(library, this, made);
  }

  /** The evidence candidates, best first: items worth asking anybody about. */
  evidence(most = this.details.evidence) {
    const { library, pointer } = Handle.of(this, Model);
    const { memory } = library;
    most = Math.min(count(most, "most"), this.details.evidence);
    return memory.during(() => {
      const [best, length] = [memory.room(most * EVIDENCE), memory.room(4)];
      const status = library.status("melu_model_evidence", pointer, best, most, length);
      if (status === NOT_AVAILABLE) return [];
      if (status !== 0) library.fail(status);
      return Array.from({ length: memory.u32(length) }, (_, at) => {
        const from = best + at * EVIDENCE;
        const [score, gradientNorm, popularity] = [4, 8, 12].map((offset) => memory.f32(from + offset));
        return { item: memory.u32(from), score, gradientNorm, popularity };
      });
    });
  }
}
