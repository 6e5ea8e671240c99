import { parentPort } from "node:worker_threads";

import { load } from "melu";

parentPort.once("message", async ({ module, model, saved }) => {
  const melu = await load(module);
  const { user } = melu.open(model).catalog().loadUser(saved);
  parentPort.postMessage(user.recommend(5));
});
