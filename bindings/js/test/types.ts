import { MeluError, load } from "melu";
import type { Recommendation, Status } from "melu";

export async function everything(bytes: ArrayBuffer): Promise<Recommendation[]> {
  const melu = await load(fetch("melu.wasm"));
  using model = melu.open(bytes);
  const catalog = model.catalog().extend([{ id: "new", values: { genres: ["a"], year: 1999 } }]);
  const { user } = catalog.loadUser(catalog.user({ age: "25-34", region: null }).save());
  const question = catalog.questions().next(user, { unknown: [1, 2] });
  if (question !== undefined) user.rate(question.item, 4.5);
  user.adapt(Uint32Array.of(1), [4]);
  try {
    return user.recommend(5, { filter: (item) => item % 2 === 0, order: "rating" });
  } catch (error) {
    const status: Status | null = error instanceof MeluError ? error.status : null;
    console.log(status);
    return [];
  }
}

export function refused(user: import("melu").User): void {
  // @ts-expect-error An item is a number.
  user.rate("1", 4);
  // @ts-expect-error There is no such order.
  user.recommend(5, { order: "best" });
  // @ts-expect-error Ratings are wanted too.
  user.adapt([1]);
}
