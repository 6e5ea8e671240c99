// An interview: what was asked and answered, and what follows from it. Nothing here knows how it
// is shown.

/** How many recommendations there are. */
export const LISTED = 10;

/** A time is the median of so many, each of at least so many milliseconds. */
const TIMES = 7;
const SHORTEST = 1;

/** For how long the library is used before anything is measured: engines compile it twice. */
const WARMING = 80;

export class Interview {
  #catalog;
  #user;
  #measured;
  #questions;
  #asked = [];
  #start;

  /** @param {import("melu").Melu} melu @param {Uint8Array} weights */
  constructor(melu, weights) {
    const model = melu.open(weights);
    this.details = model.details;
    this.#catalog = model.catalog();
    this.#questions = this.#catalog.questions();
    this.#user = this.#catalog.user();
    this.#measured = this.#catalog.user();
    this.items = this.#catalog.length;
    this.#start = this.#opinions();
    this.deviation = { before: this.#meanDeviation(), now: null };
    const begin = performance.now();
    while (performance.now() - begin < WARMING) this.#measure([[], []], {});
    this.#follow();
  }

  /** How many were answered, without those that were not known. */
  get answers() {
    return this.#known().length;
  }

  /** All that was asked, in order: `{ item, rating }`, with null for what is not known. */
  get asked() {
    return this.#asked;
  }

  /** Answers the question: a rating, or null for an item that is not known. */
  answer(rating) {
    this.#asked.push({ item: this.question.item, rating });
    this.#follow();
  }

  /** Takes the last answer back. */
  undo() {
    this.#asked.pop();
    this.#follow();
  }

  /** Forgets all answers. */
  startAgain() {
    this.#asked = [];
    this.#follow();
  }

  title(item) {
    return this.#catalog.title(item) || this.#catalog.id(item);
  }

  /**
   * What is expected of all items, and what was before the first answer: ratings where the model
   * predicts them, and otherwise scores in their standard deviations.
   */
  opinions() {
    return { before: this.#start, now: this.#opinions() };
  }

  /** The standard deviation of predicted ratings, on average over all items; null without any. */
  #meanDeviation() {
    if (!this.details.deviations) return null;
    const { deviations } = this.#user.predictWithDeviations();
    return deviations.reduce((sum, deviation) => sum + deviation, 0) / deviations.length;
  }

  #opinions() {
    if (this.details.ratings) return this.#user.predict();
    const scores = this.#user.score();
    const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
    const square = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / scores.length;
    return scores.map((score) => (score - mean) / Math.sqrt(square));
  }

  #known() {
    // Without ratings, only what was chosen is an answer.
    return this.#asked.filter(({ rating }) => rating !== null && (this.details.ratings || rating > 0));
  }

  #follow() {
    const known = this.#known();
    const given = [known.map(({ item }) => item), known.map(({ rating }) => rating)];
    const asked = this.#asked.map(({ item }) => item);
    // What somebody saw and did not choose is not recommended to them, nor what they do not
    // know asked again.
    const unknown = this.#asked.filter(({ rating }) => rating === null).map(({ item }) => item);
    const refused = asked.filter((item) => !given[0].includes(item) && !unknown.includes(item));
    const options = { leaveOut: refused };
    this.#user.adapt(...given);
    this.best = this.#user.recommend(LISTED, options);
    this.question = this.#questions.next(this.#user, { unknown, leaveOut: refused });
    this.deviation.now = this.#meanDeviation();
    this.time = this.#measure(given, options);
  }

  /**
   * How long adapting and recommending take, in microseconds, and how often they were done to
   * know it: browsers' clocks are too coarse for a single time.
   */
  #measure(given, options) {
    const times = [];
    let runs = 0;
    for (let time = 0; time < TIMES; time++) {
      const begin = performance.now();
      let [done, passed] = [0, 0];
      while (passed < SHORTEST) {
        this.#measured.adapt(...given);
        this.#measured.recommend(LISTED, options);
        done++;
        passed = performance.now() - begin;
      }
      times.push((passed / done) * 1000);
      runs += done;
    }
    return { microseconds: times.sort((a, b) => a - b)[TIMES >> 1], runs };
  }
}
