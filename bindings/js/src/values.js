// Field values of users and items, as melu_value.
import { number } from "./lists.js";

const SIZE = 28;
const [NAME, INDEX, NUMBER] = [0, 1, 2];

/**
 * Writes `{ field: value or values }`: a text is a name of the vocabulary; a number is one of a
 * numeric field, or else an index into the vocabulary. Returns place and count.
 */
export function writeValues(memory, fields, values) {
  const all = [];
  for (const [field, given] of Object.entries(values)) {
    if (given === null || given === undefined) continue;
    for (const value of Array.isArray(given) ? given : [given]) all.push([field, value]);
  }
  const place = memory.zeros(all.length * SIZE);
  all.forEach(([field, value], at) => {
    const to = place + at * SIZE;
    memory.writeText(to, field);
    if (typeof value === "string") {
      memory.setU32(to + 8, NAME);
      memory.writeText(to + 16, value);
      return;
    }
    number(value, field);
    const described = fields.find(({ name }) => name === field);
    if (described !== undefined && described.kind !== "numeric") {
      if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
        throw new TypeError(`${field}: ${value} is no index of a value`);
      }
      memory.setU32(to + 8, INDEX);
      memory.setU32(to + 12, value);
    } else {
      memory.setU32(to + 8, NUMBER);
      memory.setF32(to + 24, value);
    }
  });
  return [place, all.length];
}

/** Reads `count` values as `{ field, value }`. */
export function readValues(memory, place, count) {
  return Array.from({ length: count }, (_, at) => {
    const from = place + at * SIZE;
    const kind = memory.u32(from + 8);
    const value =
      kind === NAME ? memory.readText(from + 16)
      : kind === INDEX ? memory.u32(from + 12)
      : memory.f32(from + 24);
    return { field: memory.readText(from), value };
  });
}

export { SIZE as VALUE_SIZE };
