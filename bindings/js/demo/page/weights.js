// What a weight file says of its items beside what the library needs: their field values, which
// the page shows. docs/format.md describes the tensors.

const DECODER = new TextDecoder();

/**
 * The items' fields of a weight file: `{ name, kind, of }`, where `of(item)` is the list of the item's
 * values; and the ratings that one star and five stars stand for.
 */
export function readWeights(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = Number(view.getBigUint64(0, true));
  const header = JSON.parse(DECODER.decode(bytes.subarray(8, 8 + length)));
  const config = JSON.parse(header.__metadata__["melu.config"]);
  const tensor = (name) => {
    const found = header[name];
    if (found === undefined) return undefined;
    const [begin, end] = found.data_offsets.map((offset) => offset + 8 + length);
    // A copy, since a typed array must begin where its numbers may.
    return new { U8: Uint8Array, U32: Uint32Array, U64: BigUint64Array, F32: Float32Array }[found.dtype](
      bytes.slice(begin, end).buffer,
    );
  };
  const strings = (name) => {
    const [offsets, text] = [tensor(`${name}.offsets`), tensor(`${name}.bytes`)];
    if (offsets === undefined) return undefined;
    return Array.from({ length: offsets.length - 1 }, (_, at) =>
      DECODER.decode(text.subarray(Number(offsets[at]), Number(offsets[at + 1]))),
    );
  };
  const fields = config.item_fields.map(({ name, kind }) => {
    const values = tensor(`catalog.${name}.values`);
    if (values === undefined) return undefined;
    if (kind === "numeric") {
      const of = (item) => (Number.isNaN(values[item]) ? [] : [values[item]]);
      return { name, kind, of };
    }
    const [offsets, names] = [tensor(`catalog.${name}.offsets`), strings(`vocab.item.${name}`)];
    if (names === undefined) return undefined;
    const of = (item) =>
      [...values.subarray(Number(offsets[item]), Number(offsets[item + 1]))].map((value) => names[value]);
    return { name, kind, of };
  });
  return { fields: fields.filter(Boolean), scale: scaleOf(config.choice?.rating_range) };
}

function scaleOf([lowest, highest] = [1, 5]) {
  // Half a star, or none, is still given in stars.
  return lowest < highest && highest !== 5 ? { lowest, highest } : { lowest: 1, highest: 5 };
}
