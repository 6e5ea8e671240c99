// The numbers that every binding must give; tests/everywhere.rs describes the file.
import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "melu";
import { golden, read } from "./models.js";

const near = (found, expected, what) => {
  const error = Math.abs(found - expected);
  assert.ok(error <= golden.tolerance * (1 + Math.abs(expected)), `${what}: ${found}, not ${expected}`);
};

const allNear = (found, expected, what) => {
  assert.equal(found.length, expected.length, what);
  expected.forEach((number, place) => near(found[place], number, `${what} ${place}`));
};

const camel = ([name, value]) => [name.replace(/_(.)/g, (_, letter) => letter.toUpperCase()), value];

function profileOf({ profile }) {
  return Object.fromEntries(profile.map(({ field, name, index, number }) => [field, name ?? index ?? number]));
}

function check(catalog, questions, user, model, expected, what) {
  allNear(user.score(), expected.scores, `${what} scores`);
  const items = [...expected.scores.keys()].reverse();
  allNear(user.score(items), [...expected.scores].reverse(), `${what} listed scores`);
  if (model.ratings) allNear(user.predict(), expected.predicted, `${what} ratings`);
  else assert.throws(() => user.predict(), { status: "NOT_AVAILABLE" });
  if (model.deviations) {
    const { ratings, deviations } = user.predictWithDeviations();
    allNear(ratings, expected.predicted, `${what} ratings`);
    allNear(deviations, expected.predicted_deviations, `${what} deviations`);
  }
  if (model.choice) allNear(user.vector(), expected.vector, `${what} vector`);
  else assert.throws(() => user.vector(), { status: "NOT_AVAILABLE" });

  const { only_even, ...options } = expected.options;
  const given = Object.fromEntries(Object.entries(options).map(camel));
  if (only_even) given.filter = (item) => item % 2 === 0;
  const best = user.recommend(expected.count, given);
  assert.deepEqual(best.map(({ item }) => item), expected.best.map(({ item }) => item), what);
  best.forEach((found, place) => {
    for (const name of ["score", "rating", "deviation"]) {
      const number = expected.best[place][name];
      if (number === undefined) assert.equal(found[name], null);
      else near(found[name], number, `${what} best ${place} ${name}`);
    }
  });

  const question = questions.next(user, { unknown: expected.unknown });
  if (expected.question === null) return assert.equal(question, undefined);
  assert.equal(question.item, expected.question.item, what);
  near(question.known, expected.question.known, what);
  near(question.reduction, expected.question.reduction, what);
}

const melu = await load();

test("the kernel is the one for WebAssembly", () => assert.equal(melu.kernel, "simd128"));

for (const expected of golden.models) {
  test(`${expected.file} gives the numbers it gives everywhere`, () => {
    const model = melu.open(read(expected.file));
    const { details } = model;
    const catalog = model.catalog();
    const items = [...Array(expected.items).keys()];
    assert.deepEqual(
      [catalog.length, details.items, details.choice, details.ratings, details.deviations, details.vectorWidth],
      [expected.items, expected.items, expected.choice, expected.ratings, expected.deviations, expected.vector_width],
    );
    assert.deepEqual(items.map((item) => catalog.id(item)), expected.ids);
    assert.deepEqual(items.map((item) => catalog.title(item)), expected.titles);
    assert.deepEqual(expected.ids.map((id) => catalog.find(id)), items);
    const questions = catalog.questions();
    assert.ok(expected.users.length > 0);
    expected.users.forEach((one, place) => {
      const what = `user ${place}`;
      const [items, ratings] = [0, 1].map((part) => one.answers.map((answer) => answer[part]));
      const user = catalog.user(profileOf(one));
      user.adapt(items, ratings);
      check(catalog, questions, user, details, one, what);

      const single = catalog.user(profileOf(one));
      one.answers.forEach(([item, rating]) => single.rate(item, rating));
      check(catalog, questions, single, details, one, `${what}, one by one`);

      const loaded = catalog.loadUser(Buffer.from(one.saved, "hex"));
      assert.deepEqual([loaded.adaptedAnew, loaded.missingItems], [false, 0]);
      check(catalog, questions, loaded.user, details, one, `${what}, loaded`);

      const again = catalog.loadUser(user.save());
      assert.deepEqual(again.user.score(), user.score());
      for (const handle of [user, single, loaded.user, again.user]) handle.free();
    });
  });
}
