/** Where `load` finds the module. */
export type Source =
  | string
  | URL
  | Response
  | ArrayBuffer
  | ArrayBufferView
  | WebAssembly.Module;

/**
 * Loads the library: the package's own `melu.wasm`, or one that is given as its address, its
 * bytes, a response with it, or a compiled module, such as {@link Melu.module} in a worker.
 */
export function load(source?: Source | Promise<Source>): Promise<Melu>;

/** The library, loaded once. */
export class Melu {
  private constructor();
  /** The library's version. */
  readonly version: string;
  /** The instructions with which scores are computed: `"simd128"`. */
  readonly kernel: string;
  /** The compiled module, to be posted to a worker. */
  readonly module: WebAssembly.Module;
  /** The memory that the library has, in bytes. It grows where it must, and never shrinks. */
  readonly memory: number;
  /**
   * Opens the bytes of a weight file, and checks them. They are copied.
   * `maxMemory` is the most bytes that a catalogue of the model computes, and the most of what a
   * call computes in; 0 stands for 1 GiB. What would take more is refused with `MEMORY_LIMIT`.
   * @throws {MeluError} `WEIGHT_FILE`, `OUT_OF_MEMORY`
   */
  open(bytes: ArrayBuffer | ArrayBufferView, options?: { maxMemory?: number }): Model;
}

/** A status of melu.h, without its prefix. */
export type Status =
  | "INVALID_ARGUMENT"
  | "INVALID_UTF8"
  | "CAPACITY"
  | "IO"
  | "WEIGHT_FILE"
  | "UNKNOWN_FIELD"
  | "FIELD_VALUE"
  | "ITEM_INDEX"
  | "RATING"
  | "DIVERGED"
  | "NOT_FOUND"
  | "NOT_AVAILABLE"
  | "SAVED_USER"
  | "OUT_OF_MEMORY"
  | "PANIC"
  | "MEMORY_LIMIT";

/**
 * What the library refused, or could not do. A `TypeError` is thrown for an argument of a
 * wrong type.
 *
 * After `PANIC`, a defect of the library, all of its handles refuse further use: load it anew.
 */
export class MeluError extends Error {
  readonly name: "MeluError";
  readonly status: Status;
}

/**
 * Something in the library's memory: free it, or leave that to `using` or, at some later time,
 * to the collector of garbage. What was made of it stays usable.
 */
declare abstract class Handle {
  /** Frees it; does nothing if it is free already. */
  free(): void;
  [Symbol.dispose](): void;
}

/** Items by their index from 0. */
export type Items = Uint32Array | readonly number[];
/** Ratings in the training data's unit. */
export type Ratings = Float32Array | readonly number[];
/** A name of the vocabulary; a number for a numeric field, or an index into a vocabulary. */
export type Value = string | number;
/** Values by field; those that are left out, null or undefined are unknown. */
export type Values = { readonly [field: string]: Value | readonly Value[] | null | undefined };

/** What a model is and has. */
export interface Details {
  /** A number that identifies the model; saved users have their model's. */
  readonly fingerprint: bigint;
  /** The number of items in the weight file. */
  readonly items: number;
  /** The number of evidence candidates. */
  readonly evidence: number;
  /** The parameters of the head for ratings; 0 without one. */
  readonly headParameters: number;
  /** The width of vectors; 0 without a head for choosing. */
  readonly vectorWidth: number;
  /** Whether a score measures how likely a user is to choose an item and to like it. */
  readonly choice: boolean;
  /** Whether the model predicts ratings. */
  readonly ratings: boolean;
  /** Whether ratings are clicks, 0 or 1. */
  readonly clicks: boolean;
  /** Whether it gives the deviations of predicted ratings. */
  readonly deviations: boolean;
}

/** A field of users or items. */
export interface Field {
  readonly name: string;
  /** One value of a vocabulary, any number of them, or a number. */
  readonly kind: "one" | "multi" | "numeric";
  /** The number of values; 0 of a numeric field. */
  readonly size: number;
  /** The values' names; empty if they are given by index. */
  readonly values: readonly string[];
  /** The least and the greatest number in training; null if unknown. */
  readonly lowest: number | null;
  readonly highest: number | null;
}

/** An item worth asking anybody about. */
export interface Evidence {
  item: number;
  score: number;
  gradientNorm: number;
  popularity: number;
}

/** An item given by its field values. */
export interface NewItem {
  /** Unique in its catalogue. */
  id: string;
  title?: string;
  values?: Values;
}

/** A meta-trained model: an opened weight file. */
export class Model extends Handle {
  private constructor();
  readonly details: Details;
  /** The fields of a user's profile. */
  readonly userFields: readonly Field[];
  /** The fields of an item. */
  readonly itemFields: readonly Field[];
  /** A catalogue of the weight file's own items. @throws {MeluError} `NOT_AVAILABLE` */
  catalog(): Catalog;
  /**
   * A catalogue of items given by their field values; names that the vocabularies lack are left
   * out. @throws {MeluError} `INVALID_ARGUMENT`, `UNKNOWN_FIELD`, `FIELD_VALUE`
   */
  newCatalog(items: Iterable<NewItem>): Catalog;
  /** The evidence candidates, best first; empty if the file has none. */
  evidence(most?: number): Evidence[];
}

/** A user that was loaded, with what changed on the way. */
export interface Loaded {
  user: User;
  /** Whether another model saved the user, who was adapted anew. */
  adaptedAnew: boolean;
  /** The number of ratings of items that the catalogue lacks; they are kept. */
  missingItems: number;
  /** The number of the profile's values that the model does not know. */
  unknownValues: number;
}

/** Items that can be scored. */
export class Catalog extends Handle {
  private constructor();
  /** The number of items. */
  readonly length: number;
  /** The item with an id. */
  find(id: string): number | undefined;
  /** An item's id. @throws {MeluError} `ITEM_INDEX` */
  id(item: number): string;
  /** An item's title; empty if it has none. @throws {MeluError} `ITEM_INDEX` */
  title(item: number): string;
  /** How many people chose or rated an item in training. @throws {MeluError} `ITEM_INDEX` */
  raters(item: number): number | undefined;
  /** A copy of all items' vectors, one after another. @throws {MeluError} `NOT_AVAILABLE` */
  itemVectors(): { width: number; vectors: Float32Array };
  /** A catalogue of these items, at their indices, and more. */
  extend(items: Iterable<NewItem>): Catalog;
  /** A catalogue without some of these items; those after them move up. */
  remove(items: Items): Catalog;
  /** A catalogue of the same items in another data type. */
  convert(dataType: "f16" | "f32"): Catalog;
  /** A new user with a profile. @throws {MeluError} `UNKNOWN_FIELD`, `FIELD_VALUE` */
  user(profile?: Values): User;
  /** A user from the bytes of {@link User.save}. @throws {MeluError} `SAVED_USER` */
  loadUser(bytes: ArrayBuffer | ArrayBufferView): Loaded;
  /** The workspace in which questions are chosen. @throws {MeluError} `NOT_AVAILABLE` */
  questions(): Questions;
}

/** Which items are recommended, and in what order. */
export interface RecommendOptions {
  /** Items to leave out; those that the user rated are left out anyway. */
  leaveOut?: Items;
  /** The only items to recommend. */
  among?: Items;
  /** Adds the neighbours of the user's answers to `among`. */
  addNeighbours?: boolean;
  /**
   * Whether an item may be recommended; called for candidates only, some hundred times for a
   * list of 20. It may read from the library, but neither change nor free anything of it.
   */
  filter?: (item: number) => boolean;
  /** Keeps items that the user rated. */
  keepRated?: boolean;
  /** By score unless it is `"rating"`. */
  order?: "score" | "rating";
  /** Leaves out items with fewer raters in training. */
  minRaters?: number;
  /** How much less an item's popularity counts than in training: 0 as trained, 1 not at all. */
  popularityDiscount?: number;
  /** The least number of places for items that nobody chose in training. */
  newItems?: number;
}

/** An item with its score and its predicted rating. */
export interface Recommendation {
  item: number;
  /** What items are ordered by: only scores of one user can be compared. */
  score: number;
  /** The predicted rating; null for a model that was trained without ratings. */
  rating: number | null;
  /** Its standard deviation; null for a model that gives none. */
  deviation: number | null;
}

/** A user of one catalogue: a profile, ratings, and the head adapted to them. */
export class User extends Handle {
  private constructor();
  /**
   * Adapts the user to all of their ratings, which replace those before; for a model of
   * positive-only data a rating is a choice's weight, or 1.
   * @throws {MeluError} `ITEM_INDEX`, `RATING`; `DIVERGED`: the user is reset
   */
  adapt(items: Items, ratings: Ratings): void;
  /** Adds or changes one rating. @throws {MeluError} those of `adapt` */
  rate(item: number, rating: number): void;
  /** Takes a rating back. @throws {MeluError} `ITEM_INDEX`, `NOT_FOUND` */
  withdraw(item: number): void;
  /** Forgets the ratings, but not the profile. */
  reset(): void;
  /** The ratings that the user is adapted to. */
  answers(): { items: Uint32Array; ratings: Float32Array };
  /** The scores of some items, or of all. @throws {MeluError} `ITEM_INDEX`, `DIVERGED` */
  score(items?: Items): Float32Array;
  /** The predicted ratings of some items, or of all. @throws {MeluError} `NOT_AVAILABLE` */
  predict(items?: Items): Float32Array;
  /** The same with their standard deviations. @throws {MeluError} `NOT_AVAILABLE` */
  predictWithDeviations(items?: Items): { ratings: Float32Array; deviations: Float32Array };
  /** The user as a vector, for inner products with the items'. @throws {MeluError} `NOT_AVAILABLE` */
  vector(): Float32Array;
  /** The best items, best first: at most so many. */
  recommend(count: number, options?: RecommendOptions): Recommendation[];
  /** The values of the profile that the model does not know. */
  unknownProfile(): { field: string; value: Value }[];
  /** The user as bytes, for {@link Catalog.loadUser}. */
  save(): Uint8Array;
}

/** What is known of a user besides their ratings. */
export interface QuestionOptions {
  /** Items that they were asked about and did not know. */
  unknown?: Items;
  /** Items to leave out. */
  leaveOut?: Items;
  /** The only items to ask about, if it is known that they know them. */
  known?: Items;
}

/** An item worth asking about. */
export interface Question {
  item: number;
  /** The chance that the user knows it. */
  known: number;
  /** By how much an answer would lower the mean variance of scores. */
  reduction: number;
}

/** The workspace in which questions to users of one catalogue are chosen. */
export class Questions extends Handle {
  private constructor();
  /** The best item to ask a user about next; undefined if none is left. */
  next(user: User, options?: QuestionOptions): Question | undefined;
}
