// Nothing stays behind: not of what is freed, nor of what nobody has any more.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { load } from "melu";
import { choosing } from "./models.js";

const CYCLES = 10_000;

/** A user's life, and the model's around it. */
function live(melu, bytes, free) {
  const model = melu.open(bytes);
  const catalog = model.catalog();
  const [user, questions] = [catalog.user({ region: 1 }), catalog.questions()];
  user.rate(questions.next(user).item, 4);
  const loaded = catalog.loadUser(user.save()).user;
  assert.equal(loaded.recommend(5, { filter: (item) => item % 2 === 0 }).length, 5);
  try {
    catalog.loadUser(bytes);
  } catch (error) {
    assert.equal(error.status, "SAVED_USER");
  }
  if (free) for (const handle of [user, loaded, questions, catalog, model]) handle.free();
}

test(`${CYCLES} lives leave no memory behind`, async () => {
  const melu = await load();
  const bytes = choosing();
  for (let cycle = 0; cycle < 100; cycle++) live(melu, bytes, true);
  const before = melu.memory;
  for (let cycle = 0; cycle < CYCLES; cycle++) live(melu, bytes, true);
  assert.equal(melu.memory, before);
});

test("what nobody has any more is freed by the collector", async () => {
  const melu = await load();
  const bytes = choosing();
  const collect = async () => {
    globalThis.gc();
    await setTimeout(1);
  };
  for (let cycle = 0; cycle < 200; cycle++) {
    live(melu, bytes, false);
    if (cycle % 20 === 19) await collect();
  }
  const before = melu.memory;
  for (let cycle = 0; cycle < 2_000; cycle++) {
    live(melu, bytes, false);
    if (cycle % 20 === 19) await collect();
  }
  // The collector comes when it likes. All that was made is a hundred times this.
  assert.ok(melu.memory <= before + 4_000_000, `${before} bytes became ${melu.memory}`);
});

test("arguments of all sizes share one room", async () => {
  const melu = await load();
  const user = melu.open(choosing()).catalog().user();
  const lists = (round) => {
    for (let size = 1_000; size < 60_000; size += 997) {
      const items = new Uint32Array(size + round).fill(3);
      assert.equal(user.score(items).length, size + round);
    }
  };
  lists(0);
  const before = melu.memory;
  for (let round = 1; round < 4; round++) lists(round);
  assert.ok(melu.memory <= before + 1_000_000, `${before} bytes became ${melu.memory}`);
});
