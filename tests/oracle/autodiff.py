"""Answers of automatic differentiation in double precision, for random configurations.

    autodiff.py                              write tests/golden/autodiff.json
    autodiff.py --check [--cases N]          recompute N spread-out cases from the committed file
    autodiff.py --finite-differences [--cases N]
                                             hold the committed answers against plain numpy
    autodiff.py --single [--cases N]         how far float32 automatic differentiation strays
"""

import argparse
import json
import multiprocessing
import os
import sys
from collections import Counter
from pathlib import Path

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import jax
import jax.numpy as jnp
import numpy as np

import cases
import plain

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "autodiff.json"
EVIDENCE_PAIRS = 40
SHORT = 8

FORMAT = (
    "Weights: tensor t (item tables, user tables, head.0.weight, head.0.bias, ...), element i row-major, is "
    "float32(scales[t] * unit(seed, t, i)); unit = (mix(mix(mix(seed) + t) + i) >> 11) * 2^-53 * 2 - 1, mix = "
    "SplitMix64's. Inputs are float32 values, answers double precision to 11 digits. A vector answer of tensor t "
    "has its norm, 4 dot products with unit(seed, 1000 + 10 t + p, i), p = 0..3, and, up to 8 elements, its "
    "values. Losses are in head units, scores in rating units (mse) or probabilities (bce). second_order and "
    "first_order: the gradient of query_loss by table, by head tensor, and by each head tensor's local rate; "
    "first_order holds the local update's gradients constant. evidence: for each of the first 40 support pairs "
    "the norm over the unadapted head of the gradient of loss / |loss|, denominator held constant. redrawn "
    "counts the candidates refused, by reason."
)


def pooling(field, values):
    """[values, rows]: the weight of each of a field's rows in each value's embedding."""
    if field["kind"] == "numeric":
        return np.array(
            [[0.0 if v is None else (v - field["mean"]) / field["std"], 1.0] for v in values]
        )
    weight = np.zeros((len(values), field["size"]))
    for row, value in zip(weight, values):
        chosen = value if isinstance(value, list) else [] if value is None else [value]
        if chosen:
            row[chosen] = 1.0 / len(chosen)
        else:
            row[:] = 1.0 / field["size"]
    return weight


def problem(case):
    """The case's plain data as arrays."""
    config = case["config"]

    def part(known):
        items = [case["catalogue"][i] for i in known["items"]]
        item = [pooling(f, [v[k] for v in items]) for k, f in enumerate(config["item_fields"])]
        user = [pooling(f, [v]) for f, v in zip(config["user_fields"], case["profile"], strict=True)]
        target = np.array(known["ratings"], dtype=np.float64)
        if config["loss"] == "mse":
            target = (target - config["output"]["offset"]) / config["output"]["scale"]
        return item + user, target

    tensors = cases.weights(case)
    cut = len(config["item_fields"]) + len(config["user_fields"])
    return {
        "tables": tensors[:cut],
        "head": tensors[cut:],
        "rates": np.array(plain.rates_per_tensor(config)),
        "support": part(case["support"]),
        "query": part(case["query"]),
    }


def answers_of(config):
    """The function from a problem to all of its answers, compiled."""
    mse = config["loss"] == "mse"
    steps = config["local"]["steps"]
    output = config["output"]

    def inputs(tables, weights):
        rows = weights[0].shape[0]
        parts = [jnp.broadcast_to(w @ t, (rows, t.shape[1])) for w, t in zip(weights, tables, strict=True)]
        return jnp.concatenate(parts, axis=1)

    def outputs(head, x):
        layers = len(head) // 2
        for k in range(layers):
            x = x @ head[2 * k].T + head[2 * k + 1]
            if k + 1 < layers:
                x = jnp.where(x > 0, x, 0.0)
        return x[:, 0]

    def losses(h, target):
        return (h - target) ** 2 if mse else jax.nn.softplus(h) - target * h

    def loss(head, x, target):
        return jnp.mean(losses(outputs(head, x), target))

    def scores(h):
        return output["offset"] + output["scale"] * h if mse else jax.nn.sigmoid(h)

    def adapted(head, rates, x, target, hold):
        def step(theta, _):
            gradient = hold(jax.grad(loss)(theta, x, target))
            return [p - r * g for p, r, g in zip(theta, rates, gradient, strict=True)], None

        return jax.lax.scan(step, head, None, length=steps)[0]

    def answers(tables, head, rates, support, query):
        rates = [rates[k] for k in range(len(head))]
        known, target = support
        asked, wanted = query

        def query_loss(hold, tables, head, rates):
            theta = adapted(head, rates, hold(inputs(tables, known)), target, hold)
            return loss(theta, inputs(tables, asked), wanted), theta

        def gradients(hold):
            by = jax.value_and_grad(lambda *p: query_loss(hold, *p), argnums=(0, 1, 2), has_aux=True)
            (value, theta), (by_tables, by_head, by_rates) = by(tables, head, rates)
            return value, theta, {"gradients": by_tables + by_head, "rates": jnp.stack(by_rates)}

        value, theta, second = gradients(lambda g: g)
        _, _, first = gradients(jax.lax.stop_gradient)

        def evidence(pair):
            row, wish = pair

            def normalised(head):
                lone = loss(head, row[None], wish[None])
                return lone / jax.lax.stop_gradient(jnp.abs(lone))

            return jnp.sqrt(sum(jnp.sum(g**2) for g in jax.grad(normalised)(head)))

        x = inputs(tables, known)
        z = inputs(tables, asked)
        return {
            "scores_before": scores(outputs(head, z)),
            "scores_after": scores(outputs(theta, z)),
            "adapted_head": theta,
            "support_loss": loss(head, x, target),
            "query_loss": value,
            "second_order": second,
            "first_order": first,
            "evidence": jax.lax.map(evidence, (x[:EVIDENCE_PAIRS], target[:EVIDENCE_PAIRS])),
        }

    return jax.jit(answers)


def refused_cheaply(case):
    """Why a candidate is no fair question for float32 code, as plain numpy can tell; or None."""
    config = case["config"]
    tensors = cases.weights(case)
    cut = len(tensors) - 2 * (len(config["hidden"]) + 1)
    tables, head = tensors[:cut], tensors[cut:]
    x, target = {}, {}
    for part in ("support", "query"):
        items = [case["catalogue"][i] for i in case[part]["items"]]
        x[part] = plain.inputs(config, tables, items, case["profile"])
        target[part] = plain.targets(config, case[part]["ratings"])
    outputs = plain.forward(head, x["support"])[2]
    if config["loss"] == "mse" and np.min(np.abs(outputs - target["support"])[:EVIDENCE_PAIRS]) < 1e-3:
        return "small_residual"
    with np.errstate(all="ignore"):
        rates, steps = plain.rates_per_tensor(config), config["local"]["steps"]
        heads = plain.adapt(head, x["support"], target["support"], config["loss"], rates, steps)
        outputs = plain.forward(heads[-1], x["query"])[2]
        value = np.mean(plain.losses(config["loss"], outputs, target["query"]))
    if not np.isfinite(value) or value > 100.0:
        return "exploding"
    for theta in heads:
        for rows in x.values():
            for z in plain.forward(theta, rows)[1]:
                if np.min(np.abs(z)) < 1e-5 * np.sqrt(np.mean(z**2)):
                    return "near_kink"
    return None


def single_vectors(answers):
    """Every answer that is compared by its own norm. Evidence: each norm for itself."""
    found = [answers["scores_before"], answers["scores_after"], *answers["adapted_head"]]
    found += [answers["support_loss"], answers["query_loss"]]
    for order in ("second_order", "first_order"):
        found += [*answers[order]["gradients"], answers[order]["rates"]]
    found += list(answers["evidence"])
    return [np.asarray(v, dtype=np.float64).ravel() for v in found]


def distance(exact, other):
    """The largest relative move of any answer."""
    worst = 0.0
    for a, b in zip(single_vectors(exact), single_vectors(other), strict=True):
        moved, norm = np.linalg.norm(a - b), np.linalg.norm(a)
        if not np.isfinite(moved) or moved > norm:
            return np.inf
        if moved > 0:
            worst = max(worst, moved / norm)
    return worst


def perturbed(given, rng):
    """The same problem with every weight moved by 6e-8 of itself, up or down."""
    moved = dict(given)
    for key in ("tables", "head"):
        moved[key] = [w * (1.0 + 6e-8 * rng.choice([-1.0, 1.0], w.shape)) for w in given[key]]
    return moved


def rounded(x):
    x = float(f"{float(x):.11g}")
    return int(x) if x == int(x) and abs(x) < 2**53 else x


def written(case, answers):
    """The answers as the file has them."""
    directions = {}

    def vector(tensor, values):
        values = np.asarray(values).ravel()
        if tensor not in directions:
            directions[tensor] = [
                cases.unit(case["seed"], 1000 + 10 * tensor + p, values.size) for p in range(4)
            ]
        found = {
            "norm": rounded(np.linalg.norm(values)),
            "projections": [rounded(values @ d) for d in directions[tensor]],
        }
        if values.size <= SHORT:
            found["values"] = [rounded(v) for v in values]
        return found

    def numbers(values):
        return [rounded(v) for v in values]

    tables = len(case["config"]["item_fields"]) + len(case["config"]["user_fields"])
    found = {
        "scores_before": numbers(answers["scores_before"]),
        "scores_after": numbers(answers["scores_after"]),
        "adapted_head": [vector(tables + k, v) for k, v in enumerate(answers["adapted_head"])],
        "support_loss": rounded(answers["support_loss"]),
        "query_loss": rounded(answers["query_loss"]),
    }
    for order in ("second_order", "first_order"):
        gradients = answers[order]["gradients"]
        found[order] = {
            "tables": [vector(k, v) for k, v in enumerate(gradients[:tables])],
            "head": [vector(tables + k, v) for k, v in enumerate(gradients[tables:])],
            "rates": numbers(answers[order]["rates"]),
        }
    found["evidence"] = numbers(answers["evidence"])
    return found


def case_number(index):
    """The index-th case, after as many candidates as it takes, and why those were refused."""
    form = cases.shape(index)
    refused = Counter()
    for attempt in range(2000):
        case = cases.draw(form, index * 2000 + attempt)
        reason = refused_cheaply(case)
        if reason is None:
            given = problem(case)
            compiled = answers_of(case["config"])
            exact = jax.device_get(compiled(**given))
            rng = np.random.default_rng([6, case["seed"]])
            moves = [distance(exact, jax.device_get(compiled(**perturbed(given, rng)))) for _ in range(2)]
            if max(moves) <= 2e-5:
                return {**case, "answers": written(case, exact)}, refused
            reason = "ill_conditioned"
        refused[reason] += 1
    raise RuntimeError(f"case {index}: no candidate is well-posed: {dict(refused)}")


def generate(count, workers):
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        refused, lines = Counter(), []
        for case, reasons in pool.imap(case_number, range(count)):
            refused += reasons
            lines.append(json.dumps(case, separators=(",", ":")))
            if len(lines) % 20 == 0:
                print(f"{len(lines)} cases, {sum(refused.values())} redrawn", flush=True)
    GOLDEN.parent.mkdir(exist_ok=True)
    with open(GOLDEN, "w", encoding="utf-8") as file:
        file.write(f'{{"format":{json.dumps(FORMAT)},\n')
        file.write(f'"redrawn":{json.dumps(dict(sorted(refused.items())))},\n')
        file.write('"cases":[\n' + ",\n".join(lines) + "\n]}\n")
    print(f"{GOLDEN.name}: {len(lines)} cases, {GOLDEN.stat().st_size} bytes, redrawn {dict(refused)}")


def differences(there, here, path, scale=None):
    """Where two written answers differ by more than 1e-9 of their norm."""
    if isinstance(there, dict) and isinstance(here, dict):
        if there.keys() != here.keys():
            yield f"{path}: keys {sorted(there)} in the file, {sorted(here)} computed"
            return
        norm = here.get("norm") if "projections" in here else None
        for key in there:
            yield from differences(there[key], here[key], f"{path}.{key}", norm)
    elif isinstance(there, list) and isinstance(here, list):
        if len(there) != len(here):
            yield f"{path}: {len(there)} elements in the file, {len(here)} computed"
            return
        if scale is None and not path.endswith("evidence") and all(isinstance(v, (int, float)) for v in here):
            scale = float(np.linalg.norm(here))
        for k, (a, b) in enumerate(zip(there, here)):
            yield from differences(a, b, f"{path}[{k}]", scale)
    elif isinstance(there, dict) or isinstance(here, dict) or isinstance(there, list) or isinstance(here, list):
        yield f"{path}: another shape in the file than computed"
    elif not abs(there - here) <= 1e-9 * (abs(here) if scale is None else max(scale, abs(here))):
        yield f"{path}: {there!r} in the file, {here!r} computed"


def committed(count):
    """`count` cases of the committed file, spread out, with their places."""
    with open(GOLDEN, encoding="utf-8") as file:
        found = json.load(file)["cases"]
    count = len(found) if count is None else max(1, min(count, len(found)))
    places = sorted({round(k * (len(found) - 1) / max(1, count - 1)) for k in range(count)})
    return [(place, found[place]) for place in places]


def check(count):
    failures = 0
    chosen = committed(count)
    for place, case in chosen:
        answers = jax.device_get(answers_of(case["config"])(**problem(case)))
        for line in differences(case["answers"], written(case, answers), "answers"):
            failures += 1
            print(f"case {place} (seed {case['seed']}): {line}", file=sys.stderr)
    if failures:
        sys.exit(f"{GOLDEN.name}: {failures} answers differ by more than 1e-9 from what was computed here")
    print(f"{GOLDEN.name}: {len(chosen)} cases agree to 1e-9")


def finite_differences(count):
    """Scores, losses and heads against plain numpy; gradients against its differences."""
    worst = Counter()
    for place, case in committed(count):
        config, answers = case["config"], case["answers"]
        tensors = cases.weights(case)
        cut = len(tensors) - len(answers["adapted_head"])
        rates = plain.rates_per_tensor(config)
        kind, steps = config["loss"], config["local"]["steps"]
        rows, target = {}, {}
        for part in ("support", "query"):
            rows[part] = [case["catalogue"][i] for i in case[part]["items"]]
            target[part] = plain.targets(config, case[part]["ratings"])

        def x(part, tables):
            return plain.inputs(config, tables, rows[part], case["profile"])

        def query_loss(head, tables):
            outputs = plain.forward(head, x("query", tables))[2]
            return np.mean(plain.losses(kind, outputs, target["query"]))

        heads = plain.adapt(tensors[cut:], x("support", tensors[:cut]), target["support"], kind, rates, steps)
        fixed = [
            plain.head_gradient(head, x("support", tensors[:cut]), target["support"], kind)
            for head in heads[:-1]
        ]

        def second_order(tensors, rates):
            known = x("support", tensors[:cut])
            head = plain.adapt(tensors[cut:], known, target["support"], kind, rates, steps)[-1]
            return query_loss(head, tensors[:cut])

        def first_order(tensors, rates):
            head = tensors[cut:]
            for gradient in fixed:
                head = [p - r * g for p, r, g in zip(head, rates, gradient)]
            return query_loss(head, tensors[:cut])

        def note(what, exact, other, norm):
            error = abs(exact - other) / norm if norm else abs(exact - other)
            worst[what] = max(worst[what], float(error))
            if not error <= (1e-9 if what in ("plain", "evidence") else 3e-5):
                sys.exit(f"case {place}: {what}: {exact} by automatic differentiation, {other} here")

        for key, head in (("scores_before", heads[0]), ("scores_after", heads[-1])):
            outputs = plain.forward(head, x("query", tensors[:cut]))[2]
            for exact, other in zip(answers[key], plain.scores(config, outputs), strict=True):
                note("plain", exact, other, max(1.0, abs(exact)))
        for exact, other in zip(answers["adapted_head"], heads[-1], strict=True):
            note("plain", exact["norm"], np.linalg.norm(other), exact["norm"])
        known = x("support", tensors[:cut])[:EVIDENCE_PAIRS]
        outputs = plain.forward(heads[0], known)[2]
        aims = target["support"][:EVIDENCE_PAIRS]
        sizes = np.sqrt(plain.output_gradient_norms(heads[0], known))
        norms = sizes * np.abs(plain.loss_slopes(kind, outputs, aims) / plain.losses(kind, outputs, aims))
        for exact, other in zip(answers["evidence"], norms, strict=True):
            note("evidence", exact, other, exact)

        for order, objective in (("second_order", second_order), ("first_order", first_order)):
            found = answers[order]
            for t, answer in enumerate(found["tables"] + found["head"]):
                direction = cases.unit(case["seed"], 1000 + 10 * t, tensors[t].size).reshape(tensors[t].shape)
                step = 1e-7 * max(1e-2, np.max(np.abs(tensors[t]))) / np.sqrt(direction.size)
                moved = []
                for sign in (1.0, -1.0):
                    near = list(tensors)
                    near[t] = tensors[t] + sign * step * direction
                    moved.append(objective(near, rates))
                slope = (moved[0] - moved[1]) / (2.0 * step)
                # what rounding alone does to the difference is not held against the answer
                noise = 1e-14 * max(1.0, abs(moved[0])) / step
                norm = answer["norm"] * np.linalg.norm(direction) + 3e4 * noise
                note(order, answer["projections"][0], slope, norm)
            for k, exact in enumerate(found["rates"]):
                step = 1e-5 * rates[k]
                near = [[r + sign * step * (j == k) for j, r in enumerate(rates)] for sign in (1.0, -1.0)]
                moved = [objective(tensors, n) for n in near]
                noise = 1e-14 * max(1.0, abs(moved[0])) / step
                norm = np.linalg.norm(found["rates"]) + 3e4 * noise
                note(f"{order} rates", exact, (moved[0] - moved[1]) / (2.0 * step), norm)
    for what, error in worst.items():
        print(f"{what}: at most {error:.1e} apart")


def single_precision(count):
    """The same functions in float32, to see whether the cases are fair."""
    found = []
    for place, case in committed(count):
        given = problem(case)
        compiled = answers_of(case["config"])
        exact = jax.device_get(compiled(**given))
        narrow = jax.tree.map(lambda a: np.asarray(a, dtype=np.float32), given)
        other = jax.device_get(compiled(**narrow))
        assert other["query_loss"].dtype == np.float32
        found.append((distance(exact, other), place))
    found.sort(reverse=True)
    print("float32 strays most in:", ", ".join(f"case {place} {error:.1e}" for error, place in found[:12]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--finite-differences", action="store_true")
    parser.add_argument("--single", action="store_true")
    parser.add_argument("--cases", type=int, help="how many cases (default: all)")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    if given.check:
        check(given.cases)
    elif given.finite_differences:
        finite_differences(given.cases)
    elif given.single:
        single_precision(given.cases)
    else:
        generate(given.cases or cases.CASES, given.workers)


if __name__ == "__main__":
    main()
