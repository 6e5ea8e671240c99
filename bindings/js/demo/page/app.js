// The page: opens the library and the model that lie inside it, and starts the interview.
import { load } from "melu";
import { Interview } from "./interview.js";
import { View } from "./view.js";
import { readWeights } from "./weights.js";

/** The bytes in an element of the page, compressed and in base 64. */
async function unpacked(id) {
  const text = document.getElementById(id).textContent;
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

try {
  const [module, weights] = await Promise.all([unpacked("module"), unpacked("weights")]);
  const melu = await load(module);
  new View(new Interview(melu, weights), readWeights(weights));
  document.getElementById("notice").remove();
} catch (error) {
  document.getElementById("notice").textContent =
    `This page cannot run here: ${error.message}. It needs WebAssembly with 128-bit vectors, ` +
    "which current versions of all browsers have.";
  throw error;
}
