// What the visitor sees, hears and presses.
import { LISTED } from "./interview.js";
import { inWords, learned } from "./learned.js";

const STARS = 5;

/** Below it a change is not told: in stars, and in standard deviations of scores. */
const SMALLEST = { stars: 0.1, scores: 0.15 };

const still = matchMedia("(prefers-reduced-motion: reduce)");
const at = (id) => document.getElementById(id);

/** An element with properties and children. */
function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

const hidden = (text) => make("span", { className: "visually-hidden" }, text);

export class View {
  #interview;
  #weights;
  #rows = new Map();
  #places = new Map();

  constructor(interview, weights) {
    this.#interview = interview;
    this.#weights = weights;
    this.#makeAnswers();
    at("unknown").addEventListener("click", () => this.#answer(null));
    at("undo").addEventListener("click", () => this.#back(() => interview.undo(), "Undone."));
    at("again").addEventListener("click", () =>
      this.#back(() => interview.startAgain(), "All answers are forgotten."),
    );
    at("question").addEventListener("keydown", (event) => this.#key(event));
    document.querySelector("main").hidden = false;
    if (!interview.details.ratings) at("legend").remove();
    this.#show();
  }

  /** A rating as stars. */
  #stars(rating) {
    const { lowest, highest } = this.#weights.scale;
    return 1 + ((rating - lowest) / (highest - lowest)) * (STARS - 1);
  }

  /** A difference of ratings in stars. */
  #width(difference) {
    const { lowest, highest } = this.#weights.scale;
    return (difference / (highest - lowest)) * (STARS - 1);
  }

  #rating(stars) {
    const { lowest, highest } = this.#weights.scale;
    return lowest + ((stars - 1) / (STARS - 1)) * (highest - lowest);
  }

  #makeAnswers() {
    const { ratings, clicks } = this.#interview.details;
    const madeUp = document.documentElement.dataset.world === "made-up";
    at("unknown").textContent = madeUp ? "No idea" : "I don’t know it";
    const stars = at("stars");
    if (!ratings || clicks) {
      stars.classList.add("words");
      const words = [["I would choose it", 1], ["Not for me", 0]];
      stars.append(...words.map(([text, rating]) => this.#button(text, rating)));
      at("prompt").textContent = "Is it for you?";
        at("hint").textContent = "Keys, while this card has the focus: 1 yes, 2 no, 0 don’t know, U undo";
      return;
    }
    for (let star = 1; star <= STARS; star++) {
      const button = this.#button("★", this.#rating(star));
      button.setAttribute("aria-label", `${star} ${star === 1 ? "star" : "stars"}`);
      stars.append(button);
    }
    at("prompt").textContent = madeUp ? "How would you like it?" : "How did you like it?";
    at("hint").textContent = "Keys, while this card has the focus: 1 to 5 stars, 0 don’t know, U undo";
  }

  #button(text, rating) {
    const button = make("button", { type: "button" }, text);
    button.addEventListener("click", () => this.#answer(rating));
    return button;
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const buttons = [...at("stars").children];
    const pressed = { 0: at("unknown"), u: at("undo"), U: at("undo") }[event.key] ?? buttons[event.key - 1];
    if (pressed === undefined || pressed.disabled) return;
    event.preventDefault();
    pressed.click();
  }

  #answer(rating) {
    if (this.#interview.question === undefined) return;
    this.#interview.answer(rating);
    this.#show();
    at("title").focus({ preventScroll: true });
    this.#say("");
  }

  #back(change, told) {
    change();
    this.#show();
    at("title").focus({ preventScroll: true });
    this.#say(told);
  }

  /** Tells a screen reader what changed out of its sight. */
  #say(first) {
    const [best] = this.#interview.best;
    const told = best === undefined ? "" : `First for you now: ${this.#interview.title(best.item)}.`;
    at("live").textContent = `${first} ${told}`.trim();
  }

  #show() {
    this.#showQuestion();
    this.#showList();
    this.#showTime();
    this.#showLearned();
  }

  #showQuestion() {
    const { question, asked } = this.#interview;
    at("undo").disabled = asked.length === 0;
    at("again").disabled = asked.length === 0;
    at("answers").hidden = question === undefined;
    at("hint").hidden = question === undefined;
    at("question-number").textContent =
      question === undefined ? "No question is left" : `Question ${asked.length + 1}`;
    at("title").textContent =
      question === undefined ? "You have answered all there is." : this.#interview.title(question.item);
    at("facts").replaceChildren(...(question === undefined ? [] : this.#facts(question.item)));
  }

  /** An item's field values in a line, each field by itself. */
  #facts(item) {
    const of = this.#weights.fields.map(({ kind, of }) => [kind, of(item).join(", ")]);
    return of
      .filter(([, text]) => text !== "")
      .flatMap(([className, text], place) => [
        ...(place === 0 ? [] : [make("span", { className }, " · ")]),
        make("span", { className }, text),
      ]);
  }

  #showList() {
    const list = at("list");
    const { best, asked } = this.#interview;
    const before = new Map([...list.children].map((row) => [row, row.getBoundingClientRect().top]));
    const rows = best.map((found, place) => {
      const row = this.#rows.get(found.item) ?? make("li");
      this.#rows.set(found.item, row);
      this.#fill(row, found, asked.length === 0 ? "" : this.#moved(found.item, place));
      return row;
    });
    list.replaceChildren(...rows);
    if (best.length === 0) list.append(make("li", {}, "Nothing is left to recommend."));
    this.#places = new Map(best.map(({ item }, place) => [item, place]));
    if (still.matches || before.size === 0) return;
    for (const row of rows) {
      const [from, to] = [before.get(row), row.getBoundingClientRect().top];
      const frames =
        from === undefined
          ? [{ opacity: 0, transform: "translateY(0.75rem)" }, { opacity: 1, transform: "none" }]
          : [{ transform: `translateY(${from - to}px)` }, { transform: "none" }];
      if (from !== to) row.animate(frames, { duration: 420, easing: "cubic-bezier(0.2, 0.8, 0.2, 1)" });
    }
  }

  /** How an item moved in the list since the last answer. */
  #moved(item, place) {
    const was = this.#places.get(item);
    if (was === undefined) return "new";
    return was === place ? "" : was > place ? `up ${was - place}` : `down ${place - was}`;
  }

  #fill(row, found, moved) {
    const mark = make("span", { className: `moved ${moved.split(" ")[0]}` });
    if (moved === "new") mark.append("new");
    else if (moved !== "") {
      const [way, steps] = moved.split(" ");
      const sign = make("span", {}, `${way === "up" ? "▲" : "▼"} ${steps}`);
      sign.setAttribute("aria-hidden", "true");
      mark.append(sign, hidden(moved));
    }
    const text = make(
      "div",
      { className: "what" },
      make("span", { className: "name" }, this.#interview.title(found.item)),
      " ",
      mark,
      make("span", { className: "facts" }, ...this.#facts(found.item)),
    );
    row.replaceChildren(text, ...this.#expected(found));
  }

  /** A predicted rating, and how sure the model is of it. */
  #expected({ rating, deviation }) {
    if (rating === null) return [];
    const { clicks } = this.#interview.details;
    const stars = this.#stars(rating);
    const number = make("span", { className: "number" });
    if (clicks) {
      number.append(`${Math.round(rating * 100)} %`);
      return [make("div", { className: "expected" }, number)];
    }
    number.append(hidden("expected: "), `${stars.toFixed(1)}\u00a0★`);
    const parts = [number];
    if (deviation !== null) {
      const wide = this.#width(deviation);
      number.append(make("span", { className: "give" }, ` ± ${wide.toFixed(1)}`));
      const share = (value) => ((Math.min(Math.max(value, 1), STARS) - 1) / (STARS - 1)) * 100;
      const track = make("span", { className: "track" });
      track.setAttribute("aria-hidden", "true");
      const bar = make("i", { className: "bar" });
      const [begin, end] = [share(stars - wide), share(stars + wide)];
      bar.style.left = `${begin}%`;
      bar.style.width = `${end - begin}%`;
      const dot = make("i", { className: "dot" });
      dot.style.left = `${share(stars)}%`;
      track.append(bar, dot);
      parts.push(track);
    }
    return [make("div", { className: "expected" }, ...parts)];
  }

  #showTime() {
    const { time, items, answers } = this.#interview;
    const { microseconds, runs } = time;
    const shown = microseconds < 10 ? microseconds.toFixed(1) : Math.round(microseconds).toLocaleString("en");
    const done = answers === 0 ? "Choosing" : `Learning from ${counted(answers, "answer")} and choosing`;
    at("time").replaceChildren(
      `${done} the best ${Math.min(LISTED, items)} of ${items.toLocaleString("en")} takes `,
      make("strong", {}, `${shown}\u00a0µs`),
      `, measured just now over ${runs.toLocaleString("en")} runs.`,
    );
  }

  #showLearned() {
    const { answers, asked, details, deviation } = this.#interview;
    const smallest = details.ratings ? this.#rating(1 + SMALLEST.stars) - this.#rating(1) : SMALLEST.scores;
    const { liked, unliked } =
      answers === 0
        ? { liked: [], unliked: [] }
        : learned(this.#interview.opinions(), this.#weights.fields, smallest);
    const changed = [...liked, ...unliked];
    at("learned").textContent =
      asked.length === 0
        ? "Nothing yet. The list is what people like on the whole."
        : changed.length === 0
          ? "Nothing yet that could be said in words: a few more answers will tell."
          : sentence(...[liked, unliked].map((found) => inWords(found.map(({ label }) => label))));
    at("changes").replaceChildren(...(details.ratings ? changed.map((found) => this.#change(found)) : []));
    at("note").hidden = !details.ratings || changed.length === 0;
    at("sure").hidden = !details.deviations;
    if (!details.deviations) return;
    const [before, now] = [deviation.before, deviation.now].map((of) => `${this.#width(of).toFixed(2)}\u00a0★`);
    at("sure").textContent =
      answers === 0
        ? `By its own estimate, a rating that it expects of you is off by about ${before}.`
        : `By its own estimate, a rating that it expects of you is off by about ${now}. ` +
          `Before your ${answers === 1 ? "answer" : "answers"} it was ${before}.`;
  }

  /** By how many stars more or fewer the items of a value are expected to be liked. */
  #change({ field, label, change }) {
    const stars = `${change > 0 ? "+" : "−"}${this.#width(Math.abs(change)).toFixed(1)}\u00a0★`;
    return make(
      "li",
      { className: change > 0 ? "more" : "less" },
      make("span", {}, ...(field.kind === "one" ? [make("span", { className: "field" }, `${field.name} `)] : []), label),
      make("span", { className: "change" }, stars),
    );
  }
}

/** What is liked and unliked, as words. */
function sentence(liked, unliked) {
  if (liked === "") return `You seem to be less drawn to ${unliked} than people on the whole.`;
  if (unliked === "") return `You seem to be drawn to ${liked}.`;
  return `You seem to be drawn to ${liked}, and less to ${unliked}.`;
}

function counted(number, name) {
  return `${number} ${name}${number === 1 ? "" : "s"}`;
}
