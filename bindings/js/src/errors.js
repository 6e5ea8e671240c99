// Names of melu_status, by number.
const NAMES = [
  "OK",
  "INVALID_ARGUMENT",
  "INVALID_UTF8",
  "CAPACITY",
  "IO",
  "WEIGHT_FILE",
  "UNKNOWN_FIELD",
  "FIELD_VALUE",
  "ITEM_INDEX",
  "RATING",
  "DIVERGED",
  "NOT_FOUND",
  "NOT_AVAILABLE",
  "SAVED_USER",
  "OUT_OF_MEMORY",
  "PANIC",
  "MEMORY_LIMIT",
];

export const CAPACITY = NAMES.indexOf("CAPACITY");
export const NOT_AVAILABLE = NAMES.indexOf("NOT_AVAILABLE");
export const NOT_FOUND = NAMES.indexOf("NOT_FOUND");

/** What the library refused, or could not do. */
export class MeluError extends Error {
  /**
   * @param {string} status the name of the status, as in melu.h without its prefix
   * @param {string} message what is concerned, and why
   * @param {ErrorOptions} [options]
   */
  constructor(status, message, options) {
    super(message, options);
    this.name = "MeluError";
    this.status = status;
  }
}

/** @param {number} status */
export function statusName(status) {
  return NAMES[status] ?? `STATUS_${status}`;
}

/** An argument that no function of the library takes. */
export function refused(message) {
  return new MeluError("INVALID_ARGUMENT", message);
}
