"""Automatic differentiation of the loss of lists, in double precision.

    choice.py                         write tests/golden/choice.json
    choice.py --check [--cases N]     recompute N spread-out cases from the committed file
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import autodiff  # first, for its settings of JAX
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp

import cases

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "choice.json"
CASES = 80

FORMAT = (
    "Weights: element i, row-major, of tensor t (0: vectors, [items, width]; 1: start, [1 + profile_rows, width]; 2: "
    "targets, one a knot) is float32(scales[t] * unit(seed, t, i)), as autodiff.json has it. scalars: logarithms of the "
    "ridge l, the Gram matrix's weight g, what each answer adds to it k, and the scale s. bias: null for an item that "
    "is no candidate. A user's profile has rows of start, from 1 on, and shares; answers are items and values; a "
    "value's target is linear between knots and constant beyond them. With n answers S, w the first row of start and "
    "the profile's shares of others, G the sum of v v' over all items: A = sum over S of v v' + l I + (g + k n) G, h = "
    "A^-1 sum over S of (t - v.w) v, score = s v.(w + h) + bias; the loss is minus the sum of the log-softmax of the "
    "liked items' scores over all candidates but S, over users. Answers: the loss and its gradients; of vectors and "
    "start the norm and 2 dot products with unit(seed, 1000 + 10 t + p, i), p = 0, 1. redrawn counts the candidates "
    "refused, by reason."
)

# Shapes that a random draw would seldom make. What a row leaves out is drawn.
CHOSEN = [
    # as trained: two numbers of a row of 64 are no part of the vector
    dict(width=62, items=300, users=3, most=200),
    dict(width=62, items=120, users=2, most=3),
    # more than the library computes together, of items and of users
    dict(width=4, items=1100, users=3, most=40),
    dict(width=5, items=40, users=40),
    # positive-only data; no profile
    dict(knots=1),
    dict(profile_rows=0),
    dict(knots=1, profile_rows=0, users=1),
    # nobody answered anything; somebody answered nearly all
    dict(most=0),
    dict(width=3, items=250, users=2, most=240),
    dict(width=1),
    dict(items=2, users=1, most=1),
]


def shape(index):
    """The index-th configuration."""
    rng = np.random.default_rng([8, index])
    items = int(rng.integers(3, 60))
    drawn = dict(
        width=int(rng.integers(1, 17)),
        items=items,
        users=int(rng.integers(1, 7)),
        most=int(rng.integers(0, items)),
        knots=int(rng.integers(1, 8)),
        profile_rows=int(rng.integers(0, 8)),
    )
    return {**drawn, **(CHOSEN[index] if index < len(CHOSEN) else {})}


def draw(form, seed):
    """Everything that a case has but its answers."""
    rng = np.random.default_rng([9, seed])
    single = cases.single
    items, width = form["items"], form["width"]
    knots = np.cumsum(rng.uniform(0.3, 2.0, form["knots"])) - rng.uniform(0.0, 5.0)
    knots = [single(knot) for knot in knots]
    bias = [single(x) if rng.random() < 0.85 else None for x in rng.uniform(-9.0, -2.0, items)]
    candidates = [item for item in range(items) if bias[item] is not None]
    users = []
    for _ in range(form["users"]):
        count = int(round(form["most"] ** rng.random())) if form["most"] else 0
        count = [count, form["most"], 0][rng.choice(3, p=[0.6, 0.3, 0.1])]
        order = [int(item) for item in rng.permutation(candidates)]
        liked = [order.pop() for _ in range(min(len(order), int(rng.integers(0, 5))))]
        # Between knots, beyond them, and on them.
        value = lambda: single(rng.uniform(knots[0] - 1.0, knots[-1] + 1.0) if rng.random() < 0.4 else rng.choice(knots))
        rows = rng.permutation(form["profile_rows"])[: rng.integers(0, 4)]
        users.append(
            {
                "profile": [[int(row) + 1, single(rng.uniform(0.1, 1.0))] for row in rows],
                "answers": [[item, value()] for item in order[:count]],
                "liked": liked,
            }
        )
    return {
        "seed": seed,
        "width": width,
        "profile_rows": form["profile_rows"],
        "scales": [single(rng.uniform(0.3, 2.0) / np.sqrt(width)), single(rng.uniform(0.2, 1.0)), single(rng.uniform(1.0, 2.5))],
        "scalars": [single(rng.uniform(*ends)) for ends in [(-2, 3), (-4, 0), (-8, -2), (-0.5, 2)]],
        "knots": knots,
        "bias": bias,
        "users": users,
    }


def problem(case):
    """The case's data as arrays: what is differentiated by, and what is not."""
    items, width, knots = len(case["bias"]), case["width"], case["knots"]
    shapes = [(items, width), (1 + case["profile_rows"], width), (len(knots),)]
    tensors = [
        (scale * cases.unit(case["seed"], t, int(np.prod(shape)))).astype(np.float32).astype(np.float64).reshape(shape)
        for t, (shape, scale) in enumerate(zip(shapes, case["scales"], strict=True))
    ]
    users = case["users"]
    shares = np.zeros((len(users), 1 + case["profile_rows"]))
    shares[:, 0] = 1.0
    answered = np.zeros((len(users), items))
    of_knots = np.zeros((len(users), items, len(knots)))
    liked = np.zeros((len(users), items))
    for u, user in enumerate(users):
        for row, share in user["profile"]:
            shares[u, row] = share
        for item, value in user["answers"]:
            answered[u, item] = 1.0
            of_knots[u, item] = [np.interp(value, knots, one) for one in np.eye(len(knots))]
        liked[u, user["liked"]] = 1.0
    bias = np.array([-np.inf if b is None else b for b in case["bias"]])
    by = dict(zip(["vectors", "start", "targets"], tensors), scalars=np.array(case["scalars"]))
    return by, {"shares": shares, "answered": answered, "of_knots": of_knots, "liked": liked, "bias": bias}


@jax.jit
def answers(by, given):
    def loss_of(by, shares, answered, of_knots, liked, bias):
        ridge, weight, slope, scale = jnp.exp(by["scalars"])
        vectors = by["vectors"]
        start = shares @ by["start"]
        weights = answered + weight + slope * answered.sum()
        matrix = (vectors.T * weights) @ vectors + ridge * jnp.eye(vectors.shape[1])
        left = answered * (of_knots @ by["targets"] - vectors @ start)
        adapted = start + jnp.linalg.solve(matrix, vectors.T @ left)
        chosen_from = (answered == 0) & jnp.isfinite(bias)
        scores = scale * (vectors @ adapted) + jnp.where(chosen_from, bias, 0.0)
        rest = logsumexp(jnp.where(chosen_from, scores, -jnp.inf))
        return jnp.sum(jnp.where(liked > 0, rest - scores, 0.0))

    def loss(by):
        users = [given[key] for key in ["shares", "answered", "of_knots", "liked"]]
        return jnp.sum(jax.vmap(lambda *user: loss_of(by, *user, given["bias"]))(*users))

    return jax.value_and_grad(loss)(by)


def perturbed(by, rng):
    """The same numbers, each moved by 6e-8 of itself, up or down."""
    return jax.tree.map(lambda a: a * (1.0 + 6e-8 * rng.choice([-1.0, 1.0], np.shape(a))), by)


def refused(case, by, given):
    """Why a candidate is no fair question for float32 code; or None."""
    loss, gradients = answers(by, given)
    if not 1e-3 < loss < 1e4:
        return "loss"
    rng = np.random.default_rng([10, case["seed"]])
    for _ in range(2):
        moved = answers(perturbed(by, rng), given)[1]
        for key, exact in gradients.items():
            # Scalars are measured one by one.
            sizes = np.abs(exact) if key == "scalars" else np.linalg.norm(exact)
            if not np.all(np.abs(moved[key] - exact) <= 2e-5 * sizes):
                return "ill_conditioned"
    return None


def written(case, loss, gradients):
    """The answers as the file has them."""
    rounded = lambda x: float(f"{float(x):.9g}")

    def vector(tensor, values):
        values = np.ravel(values)
        directions = [cases.unit(case["seed"], 1000 + 10 * tensor + p, values.size) for p in range(2)]
        return {"norm": rounded(np.linalg.norm(values)), "projections": [rounded(values @ d) for d in directions]}

    return {
        "loss": rounded(loss),
        "vectors": vector(0, gradients["vectors"]),
        "start": vector(1, gradients["start"]),
        "targets": [rounded(x) for x in gradients["targets"]],
        "scalars": [rounded(x) for x in gradients["scalars"]],
    }


def answered(case):
    return written(case, *jax.device_get(answers(*problem(case))))


def generate(count):
    redrawn, lines = Counter(), []
    for index in range(count):
        for attempt in range(1000):
            case = draw(shape(index), index * 1000 + attempt)
            reason = refused(case, *problem(case))
            if reason is None:
                break
            redrawn[reason] += 1
        else:
            raise RuntimeError(f"case {index}: no candidate is well-posed: {dict(redrawn)}")
        lines.append(json.dumps({**case, "answers": answered(case)}, separators=(",", ":")))
    with open(GOLDEN, "w", encoding="utf-8") as file:
        file.write(f'{{"format":{json.dumps(FORMAT)},\n')
        file.write(f'"redrawn":{json.dumps(dict(sorted(redrawn.items())))},\n')
        file.write('"cases":[\n' + ",\n".join(lines) + "\n]}\n")
    print(f"{GOLDEN.name}: {len(lines)} cases, {GOLDEN.stat().st_size} bytes, redrawn {dict(redrawn)}")


def differences(there, here):
    """Which answers differ by more than 1e-7 of their norm."""
    for key, value in here.items():
        found = there[key]
        if isinstance(value, dict):
            value, found = ([part["norm"], *part["projections"]] for part in (value, found))
        value, found = np.atleast_1d(value), np.atleast_1d(found)
        size = value[0] if len(value) == 3 and key in ("vectors", "start") else np.linalg.norm(value)
        if value.shape != found.shape or not np.all(np.abs(value - found) <= 1e-7 * size):
            yield f"{key}: {found} in the file, {value} computed"


def check(count):
    with open(GOLDEN, encoding="utf-8") as file:
        found = json.load(file)["cases"]
    count = len(found) if count is None else max(1, min(count, len(found)))
    places = sorted({round(k * (len(found) - 1) / max(1, count - 1)) for k in range(count)})
    failures = 0
    for place in places:
        case = found[place]
        for line in differences(case["answers"], answered(case)):
            failures += 1
            print(f"case {place} (seed {case['seed']}): {line}", file=sys.stderr)
    if failures:
        sys.exit(f"{GOLDEN.name}: {failures} differences")
    print(f"{GOLDEN.name}: {len(places)} cases agree")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--cases", type=int, help="how many cases (default: all)")
    given = parser.parse_args()
    if given.check:
        check(given.cases)
    else:
        generate(given.cases or CASES)


if __name__ == "__main__":
    main()
