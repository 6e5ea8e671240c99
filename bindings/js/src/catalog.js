import { NOT_AVAILABLE, NOT_FOUND } from "./errors.js";
import { Handle } from "./handle.js";
import { byteList, itemIndex, itemList } from "./lists.js";
import { Questions } from "./questions.js";
import { User } from "./user.js";
import { writeValues } from "./values.js";

const ITEM = 24;
const DATA_TYPES = { f32: 0, f16: 1 };

/** Items that can be scored, known by their index from 0. */
export class Catalog extends Handle {
  #model;
  #length;

  constructor(library, model, pointer) {
    super(library, "melu_catalog_free", pointer);
    this.#model = model;
    this.#length = library.run("melu_catalog_len", pointer) >>> 0;
  }

  /** The number of items. */
  get length() {
    return this.#length;
  }

  /** The item with an id; undefined if there is none. */
  find(id) {
    const { library, pointer } = Handle.of(this, Catalog);
    const { memory } = library;
    return memory.during(() => {
      const out = memory.room(4);
      const status = library.status("melu_catalog_find", pointer, memory.text(String(id)), out);
      if (status === NOT_FOUND) return undefined;
      if (status !== 0) library.fail(status);
      return memory.u32(out);
    });
  }

  /** An item's id. */
  id(item) {
    const { library, pointer } = Handle.of(this, Catalog);
    return library.text("melu_catalog_id", pointer, itemIndex(item));
  }

  /** An item's title; empty if it has none. */
  title(item) {
    const { library, pointer } = Handle.of(this, Catalog);
    return library.text("melu_catalog_title", pointer, itemIndex(item));
  }

  /** How many people chose or rated an item in training; undefined if the model does not know. */
  raters(item) {
    const { library, pointer } = Handle.of(this, Catalog);
    const { memory } = library;
    return memory.during(() => {
      const out = memory.room(4);
      const status = library.status("melu_catalog_raters", pointer, itemIndex(item), out);
      if (status === NOT_AVAILABLE) return undefined;
      if (status !== 0) library.fail(status);
      return memory.u32(out);
    });
  }

  /** All items' vectors, one after another: a copy. */
  itemVectors() {
    const { library, pointer } = Handle.of(this, Catalog);
    const { memory } = library;
    return memory.during(() => {
      const place = memory.zeros(16);
      library.call("melu_catalog_item_vectors", pointer, place);
      const [data, rows, width, stride] = [0, 4, 8, 12].map((offset) => memory.u32(place + offset));
      const vectors = new Float32Array(rows * width);
      for (let row = 0; row < rows; row++) {
        const from = data + row * stride * 4;
        vectors.set(memory.copyOut(Float32Array, from, width), row * width);
      }
      return { width, vectors };
    });
  }

  /** A catalogue of these items and more. */
  extend(items) {
    const { library, pointer } = Handle.of(this, Catalog);
    const made = library.made((out) => {
      const [place, length] = writeItems(library.memory, this.#model.itemFields, items);
      library.call("melu_catalog_extend", pointer, place, length, out, 0);
    });
    return new Catalog(library, this.#model, made);
  }

  /** A catalogue without some of these items; those after them move up. */
  remove(items) {
    const { library, pointer } = Handle.of(this, Catalog);
    items = itemList(items);
    const made = library.made((out) => {
      const place = library.memory.copyIn(items);
      library.call("melu_catalog_remove", pointer, place, items.length, out);
    });
    return new Catalog(library, this.#model, made);
  }

  /** A catalogue of the same items in another data type: "f16" or "f32". */
  convert(dataType) {
    const { library, pointer } = Handle.of(this, Catalog);
    const number = DATA_TYPES[dataType];
    if (number === undefined) throw new TypeError(`"${dataType}" is not "f16" or "f32"`);
    const made = library.made((out) => library.call("melu_catalog_convert", pointer, number, out));
    return new Catalog(library, this.#model, made);
  }

  /** A new user with a profile. */
  user(profile = {}) {
    const { library, pointer } = Handle.of(this, Catalog);
    const made = library.made((out) => {
      const [place, length] = writeValues(library.memory, this.#model.userFields, profile);
      library.call("melu_user_new", pointer, place, length, out, 0);
    });
    return new User(library, this, made);
  }

  /** A user from the bytes of `User.save`, with a report. */
  loadUser(bytes) {
    const { library, pointer } = Handle.of(this, Catalog);
    const { memory } = library;
    bytes = byteList(bytes, "bytes");
    return memory.during(() => {
      const [out, report] = [memory.zeros(4), memory.zeros(16)];
      memory.setU32(report, 16);
      library.call("melu_user_load", pointer, memory.copyIn(bytes), bytes.length, out, report);
      return {
        user: new User(library, this, memory.u32(out)),
        adaptedAnew: memory.u32(report + 4) !== 0,
        missingItems: memory.u32(report + 8),
        unknownValues: memory.u32(report + 12),
      };
    });
  }

  /** The workspace in which questions are chosen. */
  questions() {
    const { library, pointer } = Handle.of(this, Catalog);
    return new Questions(
      library,
      library.made((out) => library.call("melu_questions_new", pointer, out)),
    );
  }
}

/** Writes `{ id, title, values }` as melu_item; place and count. */
export function writeItems(memory, fields, items) {
  const all = [...items];
  const place = memory.zeros(all.length * ITEM);
  all.forEach(({ id, title, values }, at) => {
    const to = place + at * ITEM;
    memory.writeText(to, String(id));
    const [first, length] = writeValues(memory, fields, values ?? {});
    memory.setU32(to + 8, first);
    memory.setU32(to + 12, length);
    memory.writeText(to + 16, title ?? "");
  });
  return [place, all.length];
}
