import { refused } from "./errors.js";

/** Frees what nobody can free any more, as nobody has it. */
const LEFT = new FinalizationRegistry(({ library, free, pointer }) => {
  try {
    if (!library.dead) library.run(free, pointer);
  } catch {
    // The library is dead now, as the next call says to somebody who can do something about it.
  }
});

/** Something of the library's, which is to be freed. */
export class Handle {
  #library;
  #pointer;
  #free;

  constructor(library, free, pointer) {
    this.#library = library;
    this.#pointer = pointer;
    this.#free = free;
    LEFT.register(this, { library, free, pointer }, this);
  }

  /** Frees it; does nothing if it is free already. */
  free() {
    if (this.#pointer === 0) return;
    this.#library.mayChange("free anything");
    const pointer = this.#pointer;
    this.#pointer = 0;
    LEFT.unregister(this);
    if (!this.#library.dead) this.#library.run(this.#free, pointer);
  }

  /** The library and the pointer, for the package's own use. */
  static of(handle, Kind) {
    if (!(handle instanceof Kind)) throw new TypeError(`this is no ${Kind.name}`);
    if (handle.#pointer === 0) throw refused(`the ${Kind.name} was freed`);
    return { library: handle.#library, pointer: handle.#pointer };
  }
}

// Where there is no such symbol yet, `using` by a compiler takes this one.
Handle.prototype[Symbol.dispose ?? Symbol.for("Symbol.dispose")] = Handle.prototype.free;
