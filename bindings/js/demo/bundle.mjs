// Puts page, library and a model into one file, which needs nothing else.
//
//     node bundle.mjs MODEL [--given] OUT
//
// --given  says that the model's items are somebody's own, not made up.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const given = process.argv.includes("--given");
const [model, out] = process.argv.slice(2).filter((argument) => argument !== "--given");
const page = (name) => fileURLToPath(new URL(`page/${name}`, import.meta.url));
const packed = (path) => gzipSync(readFileSync(path), { level: 9 }).toString("base64");

const { outputFiles } = await build({
  entryPoints: [page("app.js")],
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  platform: "browser",
  write: false,
});

const style = readFileSync(page("style.css"), "utf8");
const parts = {
  WORLD: given ? "given" : "made-up",
  STYLE: style,
  MODULE: packed(new URL("../melu.wasm", import.meta.url)),
  WEIGHTS: packed(model),
  // The end of an element would end the script.
  SCRIPT: outputFiles[0].text.replaceAll("</", "<\\/"),
};
const template = readFileSync(page("index.html"), "utf8");
const whole = template.replace(/\/\*([A-Z]+)\*\//g, (_, part) => parts[part]);
writeFileSync(out, whole);
console.log(`${out}: ${Math.round(whole.length / 1000)} KB`);
