// What the answers taught the model, by the values of items' fields.

/** Values that fewer items have say too little. */
const FEWEST = 5;

/** How many are told of each direction. */
const MOST = 3;

/**
 * Values whose items are now expected to be liked more or less, beside all other items, than
 * before the first answer: `{ liked, unliked }`, each `{ field, label, change }` with the mean
 * change, largest first.
 *
 * A change counts if it is twice its standard error over the value's items, and of some size.
 */
export function learned({ before, now }, fields, smallest) {
  const changes = Array.from(now, (opinion, item) => opinion - before[item]);
  const whole = mean(changes);
  const groups = new Map();
  for (const field of fields) {
    for (const item of changes.keys()) {
      for (const value of field.of(item)) {
        const label = field.kind === "numeric" ? decade(value) : value;
        if (label === undefined) continue;
        const key = `${field.name} ${label}`;
        if (!groups.has(key)) groups.set(key, { field, label, changes: [] });
        groups.get(key).changes.push(changes[item] - whole);
      }
    }
  }
  const found = [...groups.values()]
    .filter(({ changes }) => changes.length >= FEWEST && changes.length < now.length / 2)
    .map(({ field, label, changes }) => ({ field, label, change: mean(changes), error: standardError(changes) }))
    .filter(({ change, error }) => Math.abs(change) >= smallest && Math.abs(change) > 2 * error)
    .sort((a, b) => Math.abs(b.change) - Math.abs(a.change));
  return {
    liked: found.filter(({ change }) => change > 0).slice(0, MOST),
    unliked: found.filter(({ change }) => change < 0).slice(0, MOST),
  };
}

/** The decade of what looks like a year. */
function decade(number) {
  if (!Number.isInteger(number) || number < 1850 || number > 2100) return undefined;
  return `the ${Math.floor(number / 10) * 10}s`;
}

/** "a", "a and b", "a, b and c". */
export function inWords(labels) {
  return labels.length < 2 ? labels.join("") : `${labels.slice(0, -1).join(", ")} and ${labels.at(-1)}`;
}

function mean(numbers) {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

function standardError(numbers) {
  const middle = mean(numbers);
  const square = numbers.reduce((sum, number) => sum + (number - middle) ** 2, 0);
  return Math.sqrt(square / (numbers.length - 1) / numbers.length);
}
