// Lists of arguments: checked where a typed array would change a number silently.

/** Items as a Uint32Array. */
export function itemList(items, name = "items") {
  if (items instanceof Uint32Array) return items;
  if (!isList(items)) throw new TypeError(`${name} must be a Uint32Array or an array`);
  return Uint32Array.from(items, (item) => itemIndex(item, name));
}

/** Ratings as a Float32Array. */
export function ratingList(ratings, name = "ratings") {
  if (ratings instanceof Float32Array) return ratings;
  if (!isList(ratings)) throw new TypeError(`${name} must be a Float32Array or an array`);
  return Float32Array.from(ratings, (rating) => number(rating, name));
}

/** An item's index. */
export function itemIndex(item, name = "item") {
  if (!Number.isInteger(item) || item < 0 || item > 0xffff_ffff) {
    throw new TypeError(`${name}: ${String(item)} is no index of an item`);
  }
  return item;
}

/** A count. */
export function count(value, name) {
  if (!Number.isInteger(value) || value < 0 || value > 0x7fff_ffff) {
    throw new TypeError(`${name}: ${String(value)} is no count`);
  }
  return value;
}

export function number(value, name) {
  if (typeof value !== "number") throw new TypeError(`${name}: ${String(value)} is no number`);
  return value;
}

/** Bytes as a Uint8Array. */
export function byteList(bytes, name) {
  if (bytes instanceof Uint8Array) return bytes;
  if (bytes instanceof ArrayBuffer) return new Uint8Array(bytes);
  if (ArrayBuffer.isView(bytes)) {
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  throw new TypeError(`${name} must be an ArrayBuffer or a typed array`);
}

function isList(list) {
  return Array.isArray(list) || (ArrayBuffer.isView(list) && !(list instanceof DataView));
}
