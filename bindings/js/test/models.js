import { readFileSync } from "node:fs";

/** The repository's root. */
export const root = new URL("../../../", import.meta.url);

/** The bytes of a file of the repository. */
export function read(path) {
  return readFileSync(new URL(path, root));
}

export const golden = JSON.parse(read("tests/golden/everywhere.json"));

const samples = "bindings/go/testdata/";
/** Three items, a profile with names, and evidence. */
export const sample = () => read(`${samples}sample.melu`);
/** Forty items, a head for choosing, and ratings. */
export const choosing = () => read(`${samples}choosing.melu`);
/** The same from choices alone. */
export const positiveOnly = () => read(`${samples}positive_only.melu`);

/** Whether an error is of this status, and names these words. */
export function says(status, ...words) {
  return (error) =>
    error.name === "MeluError" &&
    error.status === status &&
    words.every((word) => error.message.includes(word));
}
