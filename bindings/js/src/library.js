import { MeluError, refused, statusName } from "./errors.js";
import { Memory } from "./memory.js";

const ABI = 1;
const MESSAGE = 12;
const MESSAGE_SIZE = 496;
const ERROR_SIZE = MESSAGE + MESSAGE_SIZE;

/**
 * One instance of the module: calls into it, and what they throw.
 *
 * A trap, which is what a panic of the library is here, may have left anything half done. The
 * instance refuses all further calls then.
 */
export class Library {
  #exports;
  #error;
  #dead = null;
  #filters = [];

  /** @param {WebAssembly.Module} module */
  constructor(module) {
    this.module = module;
    const melu = { filter: (item) => this.#filter(item >>> 0) };
    this.#exports = new WebAssembly.Instance(module, { melu }).exports;
    this.memory = new Memory(
      this.#exports.memory,
      (bytes) => this.run("melu_host_alloc", bytes),
      (place) => this.run("melu_host_free", place),
    );
    const abi = this.run("melu_abi_version");
    if (abi !== ABI) throw refused(`the module has version ${abi} of the interface, not ${ABI}`);
    this.#error = this.memory.block(ERROR_SIZE);
    this.filterPointer = this.run("melu_host_filter");
    this.releasePointer = this.run("melu_host_release");
  }

  /** Whether the library failed by a defect of its own. */
  get dead() {
    return this.#dead !== null;
  }

  /** Calls a function that cannot fail, and returns what it returns. */
  run(name, ...values) {
    if (this.#dead !== null) {
      const why = "the library failed by a defect of its own, and can only be loaded anew";
      throw new MeluError("PANIC", why, { cause: this.#dead });
    }
    try {
      return this.#exports[name](...values);
    } catch (trap) {
      this.#dead = trap;
      const why = `the library failed by a defect of its own: ${trap.message}`;
      throw new MeluError("PANIC", why, { cause: trap });
    }
  }

  /** Calls a function that takes an error last, and returns its status. */
  status(name, ...values) {
    return this.run(name, ...values, this.#error);
  }

  /** Calls it, and throws what it says. */
  call(name, ...values) {
    const status = this.status(name, ...values);
    if (status !== 0) this.fail(status);
  }

  /** Throws the error of the last call. */
  fail(status) {
    const { memory } = this;
    const begin = this.#error + MESSAGE;
    // The length is that of the whole message, which may be cut.
    const length = memory.bytes.indexOf(0, begin) - begin;
    throw new MeluError(statusName(status), memory.decode(begin, length));
  }

  /** Calls a function that writes a handle, number or place; what it wrote. */
  made(call) {
    return this.memory.during(() => {
      const out = this.memory.zeros(4);
      call(out);
      return this.memory.u32(out);
    });
  }

  /** Calls a function that writes a melu_str before its error. */
  text(name, ...values) {
    return this.memory.during(() => {
      const out = this.memory.room(8);
      this.call(name, ...values, out);
      return this.memory.readText(out);
    });
  }

  /** Calls a function that returns a melu_str. */
  returnedText(name, ...values) {
    return this.memory.during(() => {
      const out = this.memory.room(8);
      this.run(name, out, ...values);
      return this.memory.readText(out);
    });
  }

  /** Asks that no filter is deciding: handles must not change under the call that waits. */
  mayChange(what) {
    if (this.#filters.length > 0) throw refused(`a filter must not ${what}`);
  }

  /** Does work while `filter` decides; what it throws is thrown when the work is done. */
  filtering(filter, work) {
    if (filter === undefined) return work();
    const state = { filter, thrown: null };
    this.#filters.push(state);
    try {
      const result = work();
      if (state.thrown !== null) throw state.thrown.error;
      return result;
    } finally {
      this.#filters.pop();
    }
  }

  // An exception must not pass through the module, which would not clean up.
  #filter(item) {
    const state = this.#filters.at(-1);
    if (state.thrown !== null) return 0;
    try {
      return state.filter(item) ? 1 : 0;
    } catch (error) {
      state.thrown = { error };
      return 0;
    }
  }
}
