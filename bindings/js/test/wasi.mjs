// Runs a program for WASI: `cargo test --target wasm32-wasip1` with this as its runner.
import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const [program, ...given] = process.argv.slice(2);
const wasi = new WASI({
  version: "preview1",
  args: [program, ...given],
  env: process.env,
  preopens: { "/": "/" },
});
const module = await WebAssembly.compile(await readFile(program));
wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()));
