// How long adapting to 20 answers and choosing the best 20 take, here and by the native library.
//
//     node benchmark.mjs MODEL [MELU]
//
// MELU is the command line program, whose `bench` measures the same with AVX2.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

import { load } from "melu";

const [weights, program] = process.argv.slice(2);
const SECONDS = 2;

/** The median of single runs, in microseconds, after a second to warm up. */
function median(work) {
  const until = (seconds, each) => {
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) each();
  };
  until(1, work);
  const times = [];
  until(SECONDS, () => {
    const begin = performance.now();
    work();
    times.push((performance.now() - begin) * 1000);
  });
  return times.sort((a, b) => a - b)[times.length >> 1];
}

const melu = await load();
const catalog = melu.open(readFileSync(weights)).catalog();
const user = catalog.user();
const items = Uint32Array.from({ length: 20 }, (_, place) => (place * 7919) % catalog.length);
const ratings = Float32Array.from({ length: 20 }, (_, place) => 1 + (place % 5));
const adapt = () => user.adapt(items, ratings);
const recommend = () => user.recommend(20);
adapt();
const questions = catalog.questions();
const rows = {
  adapt: median(adapt),
  recommend: median(recommend),
  adapt_and_recommend: median(() => {
    adapt();
    recommend();
  }),
};
console.log(`${catalog.length} items; ${melu.kernel}, Node ${process.versions.node}; microseconds`);
const native = {};
if (program !== undefined) {
  const options = ["bench", weights, "--json", "--one-kernel", "--seconds", String(SECONDS), "--ratings", "20"];
  const environment = { ...process.env, MELU_KERNEL: "avx2" };
  const report = JSON.parse(execFileSync(program, options, { env: environment, encoding: "utf8" }));
  for (const row of report.rows) if (!(row.work in native)) native[row.work] = row.median_us;
}
for (const [work, time] of Object.entries(rows)) {
  const beside = native[work] === undefined ? "" : `, ${native[work].toFixed(1)} by avx2: ${(time / native[work]).toFixed(2)} times`;
  console.log(`${work.padEnd(20)} ${time.toFixed(1)}${beside}`);
}
console.log(`${"question".padEnd(20)} ${median(() => questions.next(user)).toFixed(1)}`);
