import { NOT_FOUND } from "./errors.js";
import { Handle } from "./handle.js";
import { itemList } from "./lists.js";
import { User } from "./user.js";

const OPTIONS = 28;

/** The workspace in which questions to users of one catalogue are chosen. */
export class Questions extends Handle {
  constructor(library, pointer) {
    super(library, "melu_questions_free", pointer);
  }

  /** The best item to ask a user about next; undefined if none is left. */
  next(user, { unknown = [], leaveOut = [], known } = {}) {
    const { library, pointer } = Handle.of(this, Questions);
    const { library: other, pointer: userPointer } = Handle.of(user, User);
    if (library !== other) throw new TypeError("questions and user are of two libraries");
    library.mayChange("ask questions");
    const lists = [itemList(unknown, "unknown"), itemList(leaveOut, "leaveOut")];
    if (known !== undefined) lists.push(itemList(known, "known"));
    const { memory } = library;
    return memory.during(() => {
      const [options, question] = [memory.zeros(OPTIONS), memory.room(12)];
      memory.setU32(options, OPTIONS);
      lists.forEach((list, at) => {
        // An empty list of known items is none, and not all: it must not be NULL.
        memory.setU32(options + 4 + at * 8, memory.copyIn(list) || options);
        memory.setU32(options + 8 + at * 8, list.length);
      });
      const status = library.status("melu_user_next_question", userPointer, pointer, options, question);
      if (status === NOT_FOUND) return undefined;
      if (status !== 0) library.fail(status);
      return {
        item: memory.u32(question),
        known: memory.f32(question + 4),
        reduction: memory.f32(question + 8),
      };
    });
  }
}
