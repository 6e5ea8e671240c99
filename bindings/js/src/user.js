import { CAPACITY } from "./errors.js";
import { Handle } from "./handle.js";
import { count, itemIndex, itemList, number, ratingList } from "./lists.js";
import { VALUE_SIZE, readValues } from "./values.js";

const ALL_ITEMS = 0xffff_ffff;
const OPTIONS = 56;
const RECOMMENDATION = 16;
const ORDERS = { score: 0, rating: 1 };

/** A user of one catalogue: a profile, ratings, and the head adapted to them. */
export class User extends Handle {
  #catalog;

  constructor(library, catalog, pointer) {
    super(library, "melu_user_free", pointer);
    this.#catalog = catalog;
  }

  /** Adapts the user to all of their ratings, which replace those before. */
  adapt(items, ratings) {
    const { library, pointer } = this.#changing();
    const { memory } = library;
    [items, ratings] = [itemList(items), ratingList(ratings)];
    if (items.length !== ratings.length) {
      throw new TypeError(`there are ${items.length} items and ${ratings.length} ratings`);
    }
    memory.during(() => {
      const places = [memory.copyIn(items), memory.copyIn(ratings)];
      library.call("melu_user_adapt", pointer, ...places, items.length);
    });
  }

  /** Adds or changes the rating of an item. */
  rate(item, rating) {
    const { library, pointer } = this.#changing();
    library.call("melu_user_rate", pointer, itemIndex(item), number(rating, "rating"));
  }

  /** Takes the rating of an item back. */
  withdraw(item) {
    const { library, pointer } = this.#changing();
    library.call("melu_user_withdraw", pointer, itemIndex(item));
  }

  /** Forgets all ratings, but not the profile. */
  reset() {
    const { library, pointer } = this.#changing();
    library.call("melu_user_reset", pointer);
  }

  /** The ratings that the user is adapted to. */
  answers() {
    const { library, pointer } = Handle.of(this, User);
    const { memory } = library;
    return memory.during(() => {
      const length = this.#needed(library, (needed) => [
        "melu_user_ratings", pointer, 0, 0, 0, needed,
      ]);
      const [items, ratings, needed] = [memory.room(4 * length), memory.room(4 * length), memory.room(4)];
      library.call("melu_user_ratings", pointer, items, ratings, length, needed);
      return {
        items: memory.copyOut(Uint32Array, items, length),
        ratings: memory.copyOut(Float32Array, ratings, length),
      };
    });
  }

  /** The scores of some items, or of all. */
  score(items) {
    const { library, pointer } = Handle.of(this, User);
    const { memory } = library;
    return memory.during(() => {
      const [place, listed, length] = this.#listed(memory, items);
      const scores = memory.room(4 * length);
      library.call("melu_user_score", pointer, place, listed, scores, length, 0);
      return memory.copyOut(Float32Array, scores, length);
    });
  }

  /** The predicted ratings of some items, or of all. */
  predict(items) {
    return this.#predict(items, false).ratings;
  }

  /** Predicted ratings and their standard deviations. */
  predictWithDeviations(items) {
    return this.#predict(items, true);
  }

  #predict(items, withDeviations) {
    const { library, pointer } = Handle.of(this, User);
    const { memory } = library;
    return memory.during(() => {
      const [place, listed, length] = this.#listed(memory, items);
      const ratings = memory.room(4 * length);
      const deviations = withDeviations ? memory.room(4 * length) : 0;
      library.call("melu_user_predict", pointer, place, listed, ratings, deviations, length, 0);
      const copy = (from) => memory.copyOut(Float32Array, from, length);
      return { ratings: copy(ratings), deviations: withDeviations ? copy(deviations) : null };
    });
  }

  /** The user as a vector, for inner products with the items'. */
  vector() {
    const { library, pointer } = Handle.of(this, User);
    const { memory } = library;
    return memory.during(() => {
      const length = this.#needed(library, (needed) => ["melu_user_vector", pointer, 0, 0, needed]);
      const vector = memory.room(4 * length);
      library.call("melu_user_vector", pointer, vector, length, 0);
      return memory.copyOut(Float32Array, vector, length);
    });
  }

  /** The best items of the catalogue or of a list, best first. */
  recommend(most, options = {}) {
    const { library, pointer } = Handle.of(this, User);
    const { memory } = library;
    const { leaveOut = [], among, filter, order = "score", popularityDiscount = 0 } = options;
    const { newItems = 0, minRaters = 0, addNeighbours = false, keepRated = false } = options;
    if (filter !== undefined && typeof filter !== "function") {
      throw new TypeError("filter must be a function");
    }
    if (ORDERS[order] === undefined) throw new TypeError(`"${order}" is not "score" or "rating"`);
    const [without, only] = [itemList(leaveOut, "leaveOut"), among && itemList(among, "among")];
    // There are never more than items: so much room need not be made.
    const capacity = Math.min(count(most, "count"), this.#catalog.length);
    return memory.during(() => {
      const place = memory.zeros(OPTIONS);
      const set = (offset, value) => memory.setU32(place + offset, value);
      set(0, OPTIONS);
      set(4, memory.copyIn(without));
      set(8, without.length);
      // An empty list is none, and not all: it must not be NULL.
      set(12, only ? memory.copyIn(only) || place : 0);
      set(16, only?.length ?? 0);
      set(20, count(newItems, "newItems"));
      set(24, addNeighbours ? 1 : 0);
      set(28, keepRated ? 1 : 0);
      set(32, ORDERS[order]);
      set(36, count(minRaters, "minRaters"));
      memory.setF32(place + 40, number(popularityDiscount, "popularityDiscount"));
      set(48, filter ? library.filterPointer : 0);
      const [best, length] = [memory.room(capacity * RECOMMENDATION), memory.room(4)];
      library.filtering(filter, () =>
        library.call("melu_user_recommend", pointer, place, best, capacity, length),
      );
      return Array.from({ length: memory.u32(length) }, (_, at) => {
        const from = best + at * RECOMMENDATION;
        return {
          item: memory.u32(from),
          score: memory.f32(from + 4),
          rating: orNull(memory.f32(from + 8)),
          deviation: orNull(memory.f32(from + 12)),
        };
      });
    });
  }

  /** The values of the profile that the model does not know. */
  unknownProfile() {
    const { library, pointer } = Handle.of(this, User);
    const { memory } = library;
    return memory.during(() => {
      const length = this.#needed(library, (needed) => [
        "melu_user_unknown_profile", pointer, 0, 0, needed,
      ]);
      const values = memory.room(VALUE_SIZE * length);
      library.call("melu_user_unknown_profile", pointer, values, length, 0);
      return readValues(memory, values, length);
    });
  }

  /** The user as bytes, for `Catalog.loadUser`. */
  save() {
    const { library, pointer } = Handle.of(this, User);
    const { memory } = library;
    return memory.during(() => {
      const length = this.#needed(library, (needed) => ["melu_user_save", pointer, 0, 0, needed]);
      const [bytes, needed] = [memory.room(length), memory.room(4)];
      library.call("melu_user_save", pointer, bytes, length, needed);
      return memory.copyOut(Uint8Array, bytes, length);
    });
  }

  #changing() {
    const handle = Handle.of(this, User);
    handle.library.mayChange("change a user");
    return handle;
  }

  /** Where items lie, and how many they are for the library and for the answer. */
  #listed(memory, items) {
    if (items === undefined) return [0, ALL_ITEMS, this.#catalog.length];
    items = itemList(items);
    return [memory.copyIn(items), items.length, items.length];
  }

  /** The capacity that a call needs, which is asked with none. */
  #needed(library, call) {
    const needed = library.memory.zeros(4);
    const [name, ...values] = call(needed);
    const status = library.status(name, ...values);
    if (status !== 0 && status !== CAPACITY) library.fail(status);
    return library.memory.u32(needed);
  }
}

function orNull(number) {
  return Number.isNaN(number) ? null : number;
}
