// What is published: its size, its types and its files.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { statusName } from "../src/errors.js";

const folder = new URL("../", import.meta.url);
const run = (program, ...given) =>
  execFileSync(program, given, { cwd: fileURLToPath(folder), encoding: "utf8" });

test("the module is at most 250 KB compressed", () => {
  const size = gzipSync(readFileSync(new URL("melu.wasm", folder)), { level: 9 }).length;
  console.log(`${size} bytes compressed`);
  assert.ok(size <= 250_000, `${size} bytes`);
});

test("types accept what is right, and refuse what is wrong", () => {
  run("node_modules/.bin/tsc", "--project", "test/tsconfig.json");
});

test("the package has all that it needs, and nothing else", () => {
  const [{ files }] = JSON.parse(run("npm", "pack", "--dry-run", "--json"));
  const names = files.map(({ path }) => path);
  for (const name of ["melu.wasm", "src/index.js", "src/index.d.ts", "README.md", "LICENSE-MIT"]) {
    assert.ok(names.includes(name), name);
  }
  assert.ok(names.every((name) => /^(src\/|LICENSE|README|melu\.wasm|package\.json)/.test(name)), names);
});

test("every status of the header has its name", () => {
  const header = readFileSync(new URL("../../include/melu.h", folder), "utf8");
  const statuses = [...header.matchAll(/^ {2}MELU_STATUS_(\w+) = (\d+),$/gm)];
  assert.ok(statuses.length > 10);
  for (const [, name, number] of statuses) assert.equal(statusName(Number(number)), name);
  const types = readFileSync(new URL("src/index.d.ts", folder), "utf8");
  for (const [, name] of statuses.slice(1)) assert.ok(types.includes(`| "${name}"`), name);
});

test("every function has a type, and every type a function", async () => {
  const melu = await import("melu");
  const types = readFileSync(new URL("src/index.d.ts", folder), "utf8");
  const classes = new Map();
  for (const [, name, body] of types.matchAll(/^export class (\w+)[^{]*\{\n([\s\S]*?)^\}/gm)) {
    const members = [...body.matchAll(/^ {2}(?:readonly )?(\w+)[(:?]/gm)].map(([, member]) => member);
    classes.set(name, members.filter((member) => member !== "constructor"));
  }
  for (const name of ["Melu", "Model", "Catalog", "User", "Questions"]) {
    const own = Object.getOwnPropertyNames(melu[name].prototype);
    const declared = classes.get(name).filter((member) => !["version", "kernel"].includes(member));
    assert.deepEqual(own.filter((member) => member !== "constructor").sort(), declared.sort(), name);
  }
});
