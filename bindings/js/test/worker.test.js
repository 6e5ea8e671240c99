// The library in a worker, from the page's module.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";

import { load } from "melu";
import { choosing } from "./models.js";

test("a worker takes module, model and saved user", async () => {
  const melu = await load();
  const user = melu.open(choosing()).catalog().user();
  user.rate(3, 5);
  const worker = new Worker(new URL("worker.js", import.meta.url));
  worker.postMessage({ module: melu.module, model: new Uint8Array(choosing()), saved: user.save() });
  const [best] = await once(worker, "message");
  await worker.terminate();
  assert.deepEqual(best, user.recommend(5));
});
