import { Library } from "./library.js";
import { Model } from "./model.js";

export { Catalog } from "./catalog.js";
export { MeluError } from "./errors.js";
export { Model } from "./model.js";
export { Questions } from "./questions.js";
export { User } from "./user.js";

/** The library, loaded once: it opens models. */
export class Melu {
  #library;

  constructor(module) {
    this.#library = new Library(module);
    this.version = this.#library.returnedText("melu_version");
    this.kernel = this.#library.returnedText("melu_kernel_name");
    Object.freeze(this);
  }

  /** The compiled module, to be posted to a worker, where `load` takes it. */
  get module() {
    return this.#library.module;
  }

  /** The memory that the library has, in bytes; it never shrinks. */
  get memory() {
    return this.#library.memory.size;
  }

  /** Opens the bytes of a weight file, which are copied. */
  open(bytes, options) {
    return new Model(this.#library, bytes, options);
  }
}

/**
 * Loads the library: the package's own `melu.wasm`, or one that is given as its address, its
 * bytes, a response with it, or a compiled module.
 */
export async function load(source = new URL("../melu.wasm", import.meta.url)) {
  return new Melu(await compiled(await source));
}

async function compiled(source) {
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return WebAssembly.compile(source);
  if (typeof Response !== "undefined" && source instanceof Response) return fromResponse(source);
  const url = new URL(source, globalThis.location?.href ?? import.meta.url);
  // Node fetches no files. An import of its module would stop bundlers for browsers.
  if (url.protocol === "file:" && globalThis.process?.getBuiltinModule) {
    const { readFile } = globalThis.process.getBuiltinModule("node:fs/promises");
    return WebAssembly.compile(await readFile(url));
  }
  return fromResponse(await fetch(url));
}

async function fromResponse(response) {
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${response.statusText}`);
  const type = response.headers.get("content-type") ?? "";
  // Servers that do not know the type are common.
  if (type.startsWith("application/wasm")) return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}
