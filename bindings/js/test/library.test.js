// Every function, what it refuses, and what becomes of what was freed.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { Catalog, MeluError, Model, Questions, User, load } from "melu";
import { choosing, positiveOnly, sample, says } from "./models.js";

const melu = await load();

const opened = (bytes) => {
  const model = melu.open(bytes);
  return { model, catalog: model.catalog() };
};

test("the library is loaded from addresses, bytes, responses and modules", async () => {
  const url = new URL("../melu.wasm", import.meta.url);
  const bytes = await readFile(url);
  const headers = { "content-type": "application/wasm" };
  const sources = [
    url, url.href, bytes, bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
    melu.module, Promise.resolve(melu.module), new Response(bytes), new Response(bytes, { headers }),
    `data:application/wasm;base64,${bytes.toString("base64")}`,
  ];
  for (const source of sources) assert.equal((await load(source)).version, melu.version);
  await assert.rejects(load(new Response("", { status: 404 })), /404/);
  await assert.rejects(load(new Uint8Array(8)), WebAssembly.CompileError);
});

test("versions are those of the package", async () => {
  const { version } = JSON.parse(await readFile(new URL("../package.json", import.meta.url)));
  assert.equal(melu.version, version);
});

test("models are opened from buffers and views", () => {
  const bytes = sample();
  const buffer = new ArrayBuffer(bytes.length + 24);
  new Uint8Array(buffer, 13).set(bytes);
  const views = [bytes, buffer.slice(13, 13 + bytes.length), new DataView(buffer, 13, bytes.length)];
  for (const view of views) assert.equal(melu.open(view).details.items, 3);
  assert.throws(() => melu.open("sample.melu"), TypeError);
  assert.throws(() => melu.open(bytes.subarray(0, 100)), says("WEIGHT_FILE"));
  assert.throws(() => melu.open(new ArrayBuffer(0)), says("WEIGHT_FILE"));
  assert.ok(new MeluError("RATING", "why") instanceof Error);
});

test("a model says what it is", () => {
  const { model } = opened(sample());
  assert.ok(model instanceof Model);
  const { fingerprint, ...details } = model.details;
  assert.equal(typeof fingerprint, "bigint");
  assert.deepEqual(details, {
    items: 3, evidence: 2, headParameters: 8, vectorWidth: 0,
    choice: false, ratings: true, clicks: false, deviations: true,
  });
  const unnamed = { values: [], lowest: null, highest: null };
  assert.deepEqual(model.itemFields.map(({ lowest, highest, ...field }) => field), [
    { name: "genres", kind: "multi", size: 4, values: ["comedy", "drama", "war", "Ärger"] },
    { name: "studio", kind: "one", size: 3, values: ["a", "b", "c"] },
    { name: "year", kind: "numeric", size: 0, values: [] },
    { name: "label", kind: "one", size: 2, values: [] },
  ]);
  assert.deepEqual(model.userFields[1], { name: "age", kind: "one", size: 2, ...unnamed });
  assert.deepEqual(model.evidence(1), [{ item: 2, score: 1, gradientNorm: 1, popularity: 1 }]);
  assert.equal(model.evidence().length, 2);
  assert.deepEqual(opened(positiveOnly()).model.evidence(), []);
});

test("a catalogue has its items", () => {
  const { catalog } = opened(sample());
  assert.ok(catalog instanceof Catalog);
  assert.deepEqual([0, 1, 2].map((item) => catalog.title(item)), ["The First", "", "Die Dritte"]);
  assert.deepEqual([catalog.find("three"), catalog.find("four")], [2, undefined]);
  assert.deepEqual([0, 1, 2].map((item) => catalog.raters(item)), [0, 7, 400]);
  assert.throws(() => catalog.id(3), says("ITEM_INDEX", "3"));
  assert.throws(() => catalog.title(-1), TypeError);
  assert.throws(() => catalog.itemVectors(), says("NOT_AVAILABLE"));
});

test("vectors multiply to scores where neighbours say nothing", () => {
  const { catalog } = opened(choosing());
  const { width, vectors } = catalog.itemVectors();
  assert.equal(vectors.length, width * 40);
  const vector = catalog.user().vector();
  assert.equal(vector.length, width);
  assert.ok(vectors.every(Number.isFinite) && vector.some((number) => number !== 0));
});

test("catalogues are made, extended, shortened and converted", () => {
  const { model } = opened(sample());
  const items = [
    { id: "four", title: "Die Vierte", values: { genres: ["war", "drama"], studio: "a", year: 1999, label: 1 } },
    { id: "fünf", values: { genres: [], studio: null } },
  ];
  const made = model.newCatalog(items);
  assert.deepEqual([made.length, made.find("fünf"), made.title(0)], [2, 1, "Die Vierte"]);
  const extended = model.catalog().extend(items);
  assert.deepEqual([extended.length, extended.id(3)], [5, "four"]);
  const shorter = extended.remove([0, 4]);
  assert.deepEqual([shorter.length, shorter.id(0), shorter.id(2)], [3, "two", "four"]);
  assert.deepEqual(extended.user().score([3]), made.user().score([0]));
  const half = extended.convert("f16");
  const [a, b] = [half.user().score(), extended.user().score()];
  assert.ok(a.every((score, item) => Math.abs(score - b[item]) < 0.01) && a.some((s, i) => s !== b[i]));
  assert.throws(() => extended.convert("f64"), TypeError);
  assert.throws(() => model.newCatalog([...items, ...items]), says("INVALID_ARGUMENT", "four"));
  const unknown = [{ id: "x", values: { colour: "red" } }];
  assert.throws(() => model.newCatalog(unknown), says("UNKNOWN_FIELD", "colour"));
  assert.throws(() => model.newCatalog([{ id: "x", values: { year: "soon" } }]), says("FIELD_VALUE", "soon"));
  assert.throws(() => model.newCatalog([{ id: "x", values: { label: 7 } }]), says("FIELD_VALUE", "7"));
  assert.throws(() => model.newCatalog([{ id: "x", values: { label: 0.5 } }]), TypeError);
});

test("users give, change and withdraw ratings", () => {
  const { catalog } = opened(choosing());
  const user = catalog.user({ region: 1 });
  assert.ok(user instanceof User);
  const before = user.score();
  user.rate(3, 5);
  user.rate(8, 1);
  user.rate(3, 4);
  assert.deepEqual(user.answers(), { items: Uint32Array.of(3, 8), ratings: Float32Array.of(4, 1) });
  user.withdraw(3);
  assert.deepEqual(user.answers(), { items: Uint32Array.of(8), ratings: Float32Array.of(1) });
  assert.throws(() => user.withdraw(3), says("NOT_FOUND"));
  assert.notDeepEqual(user.score(), before);
  user.reset();
  assert.deepEqual(user.score(), before);
  assert.equal(user.answers().items.length, 0);
  user.adapt([1, 2], [2, 3]);
  const others = catalog.user({ region: 1 });
  others.adapt(Uint32Array.of(1, 2), Float32Array.of(2, 3));
  assert.deepEqual(others.score(), user.score());
});

test("wrong arguments change nothing", () => {
  const { catalog } = opened(choosing());
  const user = catalog.user();
  user.adapt([1, 2], [2, 3]);
  const before = user.score();
  assert.throws(() => user.adapt([1, 40], [2, 3]), says("ITEM_INDEX", "40"));
  assert.throws(() => user.rate(4, Number.NaN), says("RATING"));
  assert.throws(() => user.rate(4, Number.POSITIVE_INFINITY), says("RATING"));
  for (const call of [
    () => user.adapt([1], [2, 3]),
    () => user.adapt([1.5], [2]),
    () => user.adapt([-1], [2]),
    () => user.adapt([1], ["2"]),
    () => user.adapt(new Set([1]), [2]),
    () => user.rate("1", 2),
    () => user.rate(2 ** 32, 2),
    () => user.score([Number.NaN]),
    () => user.recommend(-1),
    () => user.recommend(1.5),
    () => user.recommend(1, { order: "best" }),
    () => user.recommend(1, { filter: 3 }),
    () => user.recommend(1, { leaveOut: 3 }),
    () => user.recommend(1, { popularityDiscount: "much" }),
    () => catalog.user({ region: true }),
    () => catalog.loadUser("bytes"),
  ]) {
    assert.throws(call, TypeError, String(call));
  }
  assert.throws(() => user.recommend(1, { popularityDiscount: Number.NaN }), says("INVALID_ARGUMENT"));
  assert.throws(() => user.recommend(1, { among: [40] }), says("ITEM_INDEX"));
  assert.throws(() => catalog.user({ colour: "red" }), says("UNKNOWN_FIELD", "colour"));
  assert.deepEqual(user.score(), before);
});

test("results are copies, which later calls do not change", () => {
  const { catalog } = opened(choosing());
  const user = catalog.user();
  const scores = user.score();
  const kept = [...scores];
  user.adapt([1, 2, 3], [5, 1, 5]);
  assert.notDeepEqual([...user.score()], kept);
  assert.deepEqual([...scores], kept);
  assert.equal(scores.buffer.byteLength, scores.byteLength);
});

test("lists leave out, keep, filter and order", () => {
  const { catalog } = opened(choosing());
  const user = catalog.user();
  user.adapt([26, 1], [5, 2]);
  const items = (options, count = 100) => user.recommend(count, options).map(({ item }) => item);
  assert.equal(items().length, 38);
  assert.equal(items({ keepRated: true }).length, 40);
  assert.equal(items({ leaveOut: [3, 4] }).length, 36);
  assert.deepEqual(items({ among: [3, 4, 4, 1] }).sort(), [3, 4]);
  assert.deepEqual(items({ among: [] }), []);
  assert.deepEqual(items({}, 0), []);
  assert.ok(items({ minRaters: 5 }).every((item) => catalog.raters(item) >= 5));
  assert.deepEqual(items({ filter: () => false }), []);
  assert.deepEqual(items({ filter: (item) => item > 30 }).sort(), [31, 32, 33, 34, 35, 36, 37, 38, 39]);
  const rated = user.recommend(100, { order: "rating" }).map(({ rating }) => rating);
  assert.deepEqual(rated, [...rated].sort((a, b) => b - a));
  assert.ok(rated[0] > rated[20]);
});

test("a filter may read and throw, but change nothing", () => {
  const { catalog } = opened(choosing());
  const user = catalog.user();
  const plain = user.recommend(5);
  // Nested calls use the room for arguments while the call around them waits.
  const filter = (item) => {
    user.recommend(5, { filter: (other) => catalog.id(other) !== "item 3", leaveOut: [1, 2, 3] });
    return catalog.title(item) === "" && user.score().length === 40;
  };
  assert.deepEqual(user.recommend(5, { filter }), plain);
  const thrown = new Error("not today");
  let calls = 0;
  const throwing = () => {
    calls++;
    throw thrown;
  };
  assert.throws(() => user.recommend(5, { filter: throwing }), (error) => error === thrown);
  assert.equal(calls, 1);
  const questions = catalog.questions();
  for (const change of [
    () => user.rate(1, 2), () => user.adapt([], []), () => user.reset(), () => user.withdraw(1),
    () => user.free(), () => catalog.free(), () => questions.next(user),
  ]) {
    assert.throws(() => user.recommend(5, { filter: change }), says("INVALID_ARGUMENT", "filter"));
  }
  assert.deepEqual(user.recommend(5), plain);
});

test("questions follow the answers", () => {
  const { catalog } = opened(choosing());
  const [user, questions] = [catalog.user(), catalog.questions()];
  assert.ok(questions instanceof Questions);
  const asked = new Set();
  const unknown = [];
  for (;;) {
    const question = questions.next(user, { unknown, leaveOut: [7] });
    if (question === undefined) break;
    assert.ok(!asked.has(question.item) && question.item !== 7);
    asked.add(question.item);
    if (asked.size % 3 === 0) unknown.push(question.item);
    else user.rate(question.item, 1 + (asked.size % 5));
  }
  assert.ok(asked.size > 20);
  user.reset();
  assert.ok([11, 12].includes(questions.next(user, { known: [11, 12] }).item));
  assert.equal(questions.next(user, { known: [] }), undefined);
  assert.throws(() => questions.next(user, { unknown: [40] }), says("ITEM_INDEX"));
  const other = opened(choosing()).catalog.user();
  assert.throws(() => questions.next(other), says("INVALID_ARGUMENT"));
  assert.throws(() => questions.next({}), TypeError);
});

test("long messages are cut between characters", () => {
  const { catalog } = opened(sample());
  for (const character of ["x", "ä", "€", "🎬"]) {
    for (const shift of [0, 1, 2, 3]) {
      const field = "x".repeat(shift) + character.repeat(500);
      assert.throws(() => catalog.user({ [field]: "red" }), ({ status, message }) => {
        assert.equal(status, "UNKNOWN_FIELD");
        assert.match(message, new RegExp(`^[^"]+"x{${shift}}(${character}){100,}$`, "u"));
        return true;
      });
    }
  }
});

test("users are saved and loaded", () => {
  const { model, catalog } = opened(sample());
  const user = catalog.user({ region: ["n"], age: 1 });
  user.adapt([0, 2], [4, 1]);
  const bytes = user.save();
  const { user: loaded, ...report } = catalog.loadUser(bytes);
  assert.deepEqual(report, { adaptedAnew: false, missingItems: 0, unknownValues: 0 });
  assert.deepEqual(loaded.score(), user.score());
  assert.equal(catalog.remove([0]).loadUser(bytes).missingItems, 1);
  assert.equal(model.catalog().convert("f16").loadUser(bytes).adaptedAnew, true);
  assert.throws(() => catalog.loadUser(bytes.subarray(1)), says("SAVED_USER"));
  bytes[20] ^= 1;
  assert.throws(() => catalog.loadUser(bytes), says("SAVED_USER"));
});

test("a profile's unknown values are told", () => {
  const { catalog } = opened(sample());
  const user = catalog.user({ region: "nowhere", age: undefined });
  assert.deepEqual(user.unknownProfile(), [{ field: "region", value: "nowhere" }]);
});

test("what was freed refuses use, and may be freed again", () => {
  const { model, catalog } = opened(choosing());
  const [user, questions] = [catalog.user(), catalog.questions()];
  const scores = user.score();
  model.free();
  catalog.free();
  catalog[Symbol.dispose ?? Symbol.for("Symbol.dispose")]();
  assert.throws(() => catalog.user(), says("INVALID_ARGUMENT", "Catalog was freed"));
  assert.throws(() => model.catalog(), says("INVALID_ARGUMENT", "Model was freed"));
  // Handles keep alive what they were made from.
  assert.deepEqual(user.score(), scores);
  assert.ok(questions.next(user));
  user.free();
  user.free();
  assert.throws(() => user.score(), says("INVALID_ARGUMENT", "User was freed"));
  assert.throws(() => questions.next(user), says("INVALID_ARGUMENT", "User was freed"));
  questions.free();
  assert.throws(() => questions.next(user), says("INVALID_ARGUMENT", "Questions was freed"));
  assert.throws(() => User.prototype.score.call({}), TypeError);
});

test("handles of two libraries do not mix", async () => {
  const other = await load(melu.module);
  const questions = other.open(choosing()).catalog().questions();
  assert.throws(() => questions.next(opened(choosing()).catalog.user()), TypeError);
});

test("a defect of the library ends it, and nothing else", async () => {
  const broken = await load(melu.module);
  const user = broken.open(choosing()).catalog().user();
  // A defect is not to be had; too deep a stack traps as one does.
  const deep = () => {
    try {
      deep();
    } catch {
      // As near to the end of the stack as calls of JavaScript come.
    }
    user.score();
  };
  assert.throws(deep, says("PANIC", "defect"));
  assert.throws(() => user.score(), says("PANIC", "loaded anew"));
  assert.throws(() => broken.open(choosing()), says("PANIC"));
  user.free();
  assert.equal(opened(choosing()).catalog.user().score().length, 40);
});
