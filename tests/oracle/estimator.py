"""Automatic differentiation of the whole estimator, in double precision.

    estimator.py                         write tests/golden/estimator.json
    estimator.py --check [--cases N]     recompute N spread-out cases from the committed file,
                                         and hold them against plain numpy
"""

import argparse
import json
import multiprocessing
import sys
from collections import Counter
from pathlib import Path

import autodiff  # first, for its settings of JAX
import jax
import jax.numpy as jnp
import numpy as np

import cases
import estimator_cases
import estimator_plain
import plain

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "estimator.json"

FORMAT = (
    "Weights: tensor t is float32(scales[t] * unit(seed, t, i)), as autodiff.json has it; of head.scale, "
    "confidences and variances the absolute value, of catalog.raters its floor. The tensors' order: item and user "
    "tables of embedded fields, body.0.weight, body.0.bias, ..., head.0.weight, head.0.bias, ..., head.scale, "
    "prior.item.intercept, prior.item.0.weight, prior.item.0.confidence, ..., prior.user..., catalog.vectors, "
    "catalog.bias, catalog.variance, catalog.raters; whichever the configuration has. priors is melu.priors. The "
    "first `known` items of the catalogue stand in the file with their vectors, the others are new. A vector answer "
    "of tensor t has its norm and 2 dot products with unit(seed, 1000 + 10 t + p, i), p = 0, 1. gradients: of "
    "query_loss by each table, body tensor and head tensor (the model's own), head.scale, and the weights of the "
    "user prior's terms; solver: by "
    "item_variance (ridge), or by each head tensor's rate and the pull. redrawn counts the candidates refused, by "
    "reason."
)


def prior_shares(fields, term, confidence, rows):
    """[rows, rows of weights]: what share of each row of a term's weights each row of values takes."""
    (kind, what), = term.items()
    names = [field["name"] for field in fields]

    def of(name):
        """[rows, size]: 1 for each value that is there."""
        place = names.index(name)
        present = np.zeros((len(rows), fields[place]["size"]))
        for out, values in zip(present, rows):
            value = values[place]
            out[value if isinstance(value, list) else [] if value is None else [value]] = 1.0
        return present

    if kind == "number":
        place = names.index(what["field"])
        field = fields[place]
        number = [np.nan if values[place] is None else values[place] for values in rows]
        number = (np.array(number, dtype=np.float64) - field["mean"]) / field["std"]
        return np.nan_to_num(np.clip(number, what["lowest"], what["highest"]))[:, None]
    if kind == "pair":
        return np.einsum("ra,rb->rab", of(what[0]), of(what[1])).reshape(len(rows), -1)
    present = of(what)
    some = present.any(axis=1)[:, None]
    if kind == "values":
        multi = fields[names.index(what)]["kind"] == "multi"
        return np.hstack([present, some]) if multi else present
    total = 1.0 + present @ confidence[:, None]
    return np.hstack([present / total, some * np.log(total)])


def shares_of(fields, terms, tensors, entity, rows):
    """What share each row of values takes of each row of weights, term by term."""
    return [
        prior_shares(fields, term, tensors.get(f"prior.{entity}.{index}.confidence"), rows)
        for index, term in enumerate(terms)
    ]


def foretold(fields, terms, tensors, entity, rows):
    """[rows, width]: what a prior says of some rows of values."""
    total = np.tile(tensors[f"prior.{entity}.intercept"], (len(rows), 1))
    for index, shares in enumerate(shares_of(fields, terms, tensors, entity, rows)):
        total += shares @ tensors[f"prior.{entity}.{index}.weight"]
    return total


def problem(case):
    """The case's data as arrays: what is differentiated by, and what is not."""
    config, priors, known = case["config"], case["priors"], case["known"]
    tensors = estimator_cases.weights(case)
    factors, fields = config["factors"], config["item_fields"]

    def pooled(fields, rows):
        return [
            autodiff.pooling(field, [values[k] for values in rows])
            for k, field in enumerate(fields)
            if field.get("embedded", True)
        ]

    def part(chosen):
        rows = [case["catalogue"][i] for i in chosen["items"]]
        vectors, bias, variance = np.zeros((len(rows), 0)), np.zeros(len(rows)), np.zeros(len(rows))
        numbers = np.zeros((len(rows), 0))
        if factors:
            said = foretold(fields, priors["item"]["terms"], tensors, "item", case["catalogue"])
            bias, vectors, variance = said[:, 0], said[:, 1:], np.full(len(said), priors["item"]["variance"])
            raters = np.zeros(len(said))
            if known:
                bias[:known], vectors[:known] = tensors["catalog.bias"], tensors["catalog.vectors"]
                variance[:known], raters[:known] = tensors["catalog.variance"], tensors["catalog.raters"]
            numbers = np.stack([3 * bias, raters > 0, np.log1p(raters) / 4 - 1, 3 * variance], axis=1)
            places = chosen["items"]
            bias, vectors, variance, numbers = (a[places] for a in (bias, vectors, variance, numbers))
        target = np.array(chosen["ratings"], dtype=np.float64)
        if config["loss"] != "bce":
            target = (target - config["output"]["offset"]) / config["output"]["scale"]
        pools = pooled(fields, rows)
        if not factors:
            pools += pooled(config["user_fields"], [case["profile"]])
        return {
            "vectors": vectors, "numbers": numbers, "bias": bias, "variance": variance,
            "pools": pools, "target": target,
        }

    intercept, shares = np.zeros(0), []
    if "user" in priors:
        intercept = tensors["prior.user.intercept"]
        profile = [case["profile"]]
        shares = shares_of(config["user_fields"], priors["user"], tensors, "user", profile)
    named = {"tables": [], "body": [], "head": [], "prior": []}
    for name, tensor in tensors.items():
        if name.startswith(("item.", "user.")):
            named["tables"].append(tensor)
        elif name.startswith(("body.", "head.")) and name != "head.scale":
            named[name[:4]].append(tensor)
        elif name.startswith("prior.user.") and name.endswith(".weight"):
            named["prior"].append(tensor)
    local = config["local"]
    if local["solver"] == "ridge":
        named["scale"] = tensors["head.scale"]
        named["solver"] = np.array([local["item_variance"]])
    else:
        rates = [rate_of(local["rate"], k) for k in range(len(named["head"]))]
        named["solver"] = np.array(rates + [local["pull"]])
    return named, {"support": part(case["support"]), "query": part(case["query"]), "intercept": intercept, "shares": shares}


def rate_of(rate, tensor):
    part = "bias" if tensor % 2 else "weight"
    return rate[f"head.{tensor // 2}.{part}"] if isinstance(rate, dict) else rate


def answers_of(config, count):
    """The function from a problem with so many support ratings to all of its answers, compiled."""
    loss_of = {
        "mse": lambda h, t: (h - t) ** 2,
        "smooth_l1": lambda h, t: jnp.where(jnp.abs(h - t) < 1, 0.5 * (h - t) ** 2, jnp.abs(h - t) - 0.5),
        "bce": lambda h, t: jax.nn.softplus(h) - t * h,
    }[config["loss"]]
    local, output = config["local"], config["output"]

    def layers(parameters, x, rectify_last):
        for k in range(0, len(parameters), 2):
            x = x @ parameters[k].T + parameters[k + 1]
            if rectify_last or k + 2 < len(parameters):
                x = jnp.where(x > 0, x, 0.0)
        return x

    def features(by, part):
        rows = len(part["target"])
        embedded = [
            jnp.broadcast_to(pool @ table, (rows, table.shape[1]))
            for pool, table in zip(part["pools"], by["tables"], strict=True)
        ]
        x = jnp.concatenate([part["vectors"], part["numbers"], *embedded], axis=1)
        if not config["factors"]:
            return x
        if not by["body"]:
            return part["vectors"]
        return jnp.concatenate([part["vectors"], layers(by["body"], x, True)], axis=1)

    def says(head, x, part):
        return layers(head, x, False)[:, 0] + part["bias"]

    def ridge(by, head, x, part):
        # The posterior mode in the weights' own units: prior precision 1 / scale^2. (A scale of 0 is
        # never drawn.)
        rows = jnp.hstack([x, jnp.ones((len(x), 1))])
        said = says(head, x, part)
        error, spread = part["target"] - said, jnp.ones(len(x))
        if config["loss"] == "bce":
            p = jax.nn.sigmoid(said)
            spread = 1 / jnp.maximum(p * (1 - p), 0.05)
            error = (part["target"] - p) * spread
        weight = 1 / (local["noise"] * spread + by["solver"][0] * part["variance"])
        precision = rows.T @ (weight[:, None] * rows) + jnp.diag(1 / by["scale"] ** 2)
        moved = jnp.linalg.solve(precision, rows.T @ (weight * error))
        return [head[0] + moved[None, :-1], head[1] + moved[-1:]]

    def steps(by, head, x, part):
        def mean_loss(theta):
            return jnp.mean(loss_of(says(theta, x, part), part["target"]))

        *rates, pull = by["solver"]
        share = count / (count + pull)

        def step(theta, _):
            slopes = jax.grad(mean_loss)(theta)
            return [
                share * (p - rate * g) + (1 - share) * first
                # the gradient step counts `share`, the way back to the start the rest
                for p, rate, g, first in zip(theta, rates, slopes, head, strict=True)
            ], None

        return jax.lax.scan(step, head, None, length=local["steps"])[0]

    def adapted(by, given):
        head, support = list(by["head"]), given["support"]
        if len(given["intercept"]):
            said = [(shares @ weight)[0] for shares, weight in zip(given["shares"], by["prior"], strict=True)]
            moved = given["intercept"] + sum(said)
            head = [head[0] + moved[None, :-1], head[1] + moved[-1:]]
        if not count:
            return head, head
        solve = ridge if local["solver"] == "ridge" else steps
        return head, solve(by, head, features(by, support), support)

    def scores(h):
        return jax.nn.sigmoid(h) if config["loss"] == "bce" else output["offset"] + output["scale"] * h

    def answers(by, given):
        query = given["query"]

        def query_loss(by):
            head, theta = adapted(by, given)
            x = features(by, query)
            h = says(theta, x, query)
            found = {"scores_before": scores(says(head, x, query)), "scores_after": scores(h)}
            return jnp.mean(loss_of(h, query["target"])), {**found, "adapted_head": theta}

        (loss, found), gradients = jax.value_and_grad(query_loss, has_aux=True)(by)
        solver = gradients.pop("solver")
        return {**found, "query_loss": loss, "gradients": gradients, "solver": solver}

    return jax.jit(answers)


def refused_cheaply(case):
    """Why a candidate is no fair question for float32 code, as plain numpy can tell; or None."""
    config, tensors = case["config"], estimator_cases.weights(case)
    if np.min(np.abs(tensors.get("head.scale", np.ones(1)))) < 1e-3:
        return "small_scale"
    (known, target), (asked, wanted) = (estimator_cases.part(case, tensors, p) for p in ("support", "query"))
    first = estimator_plain.start(config, case["priors"], tensors, case["profile"])
    heads = estimator_plain.adapt(config, tensors, first, *known[:3], target)
    if not all(np.all(np.isfinite(p)) for p in heads[-1]):
        return "exploding"
    for z in known[3] + asked[3]:
        if np.min(np.abs(z)) < 1e-5 * np.sqrt(np.mean(z**2)):
            return "near_kink"
    said = estimator_plain.outputs(heads[-1], asked[0], asked[1])
    value = np.mean(plain.losses(config["loss"], said, wanted))
    if not value < 100.0:
        return "exploding"
    if value < 1e-3:
        return "small_residual"
    for theta in heads:
        for (rows, offsets, *_), aims in ((known, target), (asked, wanted)):
            _, hidden, said = plain.forward(theta, rows)
            for z in hidden:
                if z.size and np.min(np.abs(z)) < 1e-5 * np.sqrt(np.mean(z**2)):
                    return "near_kink"
            said = said + offsets
            if config["loss"] == "smooth_l1" and np.any(np.abs(np.abs(said - aims) - 1.0) < 1e-4):
                return "near_kink"
            if config["loss"] == "bce" and config["local"]["solver"] == "ridge":
                p = 1.0 / (1.0 + np.exp(-said))
                if np.any(np.abs(p * (1.0 - p) - estimator_plain.FLATTEST) < 1e-4):
                    return "near_floor"
    return None


def distance(exact, other):
    """The largest relative move of any answer, each measured by its own norm."""
    worst = 0.0
    for a, b in zip(jax.tree.leaves(exact), jax.tree.leaves(other), strict=True):
        moved, norm = np.linalg.norm(np.ravel(a - b)), np.linalg.norm(np.ravel(a))
        if not np.isfinite(moved) or moved > norm:
            return np.inf
        if moved > 0:
            worst = max(worst, moved / norm)
    return worst


def perturbed(tree, rng):
    """The same numbers, each moved by 6e-8 of itself, up or down."""
    return jax.tree.map(lambda a: a * (1.0 + 6e-8 * rng.choice([-1.0, 1.0], np.shape(a))), tree)


def rounded(x):
    return float(f"{float(x):.9g}")


def written(case, answers):
    """The answers as the file has them."""

    def vector(tensor, values):
        values = np.ravel(values)
        directions = [cases.unit(case["seed"], 1000 + 10 * tensor + p, values.size) for p in range(2)]
        return {
            "norm": rounded(np.linalg.norm(values)),
            "projections": [rounded(values @ d) for d in directions],
        }

    gradients = answers["gradients"]
    by = [*gradients["tables"], *gradients["body"], *gradients["head"]]
    by += [gradients["scale"]] if "scale" in gradients else []
    by += gradients["prior"]
    first = len(gradients["tables"]) + len(gradients["body"])
    return {
        "scores_before": [rounded(v) for v in answers["scores_before"]],
        "scores_after": [rounded(v) for v in answers["scores_after"]],
        "adapted_head": [vector(first + k, v) for k, v in enumerate(answers["adapted_head"])],
        "query_loss": rounded(answers["query_loss"]),
        "gradients": [vector(t, v) for t, v in enumerate(by)],
        "solver": [rounded(v) for v in answers["solver"]],
    }


def answered(case):
    by, given = problem(case)
    compiled = answers_of(case["config"], len(case["support"]["items"]))
    return by, given, compiled, jax.device_get(compiled(by, given))


def case_number(index):
    """The index-th case, after as many candidates as it takes, and why those were refused."""
    form = estimator_cases.shape(index)
    refused = Counter()
    for attempt in range(1000):
        case = estimator_cases.draw(form, index * 1000 + attempt)
        reason = refused_cheaply(case)
        if reason is None:
            by, given, compiled, exact = answered(case)
            rng = np.random.default_rng([6, case["seed"]])
            moved = [compiled(perturbed(by, rng), perturbed(given, rng)) for _ in range(2)]
            if max(distance(exact, jax.device_get(other)) for other in moved) <= 2e-5:
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
    with open(GOLDEN, "w", encoding="utf-8") as file:
        file.write(f'{{"format":{json.dumps(FORMAT)},\n')
        file.write(f'"redrawn":{json.dumps(dict(sorted(refused.items())))},\n')
        file.write('"cases":[\n' + ",\n".join(lines) + "\n]}\n")
    print(f"{GOLDEN.name}: {len(lines)} cases, {GOLDEN.stat().st_size} bytes, redrawn {dict(refused)}")


def differences(there, here, path="answers", scale=None):
    """Where two written answers differ by more than 1e-7 of their norm."""
    if isinstance(here, dict):
        for key in here:
            yield from differences(there[key], here[key], f"{path}.{key}", here.get("norm"))
    elif isinstance(here, list):
        if here and scale is None and isinstance(here[0], float):
            scale = float(np.linalg.norm(here))
        for k, (a, b) in enumerate(zip(there, here, strict=True)):
            yield from differences(a, b, f"{path}[{k}]", scale)
    elif not abs(there - here) <= 1e-7 * max(abs(here), scale or 0.0):
        yield f"{path}: {there!r} in the file, {here!r} computed"


def plainly(case):
    """Scores, head and loss by plain numpy."""
    config, tensors = case["config"], estimator_cases.weights(case)
    (known, target), (asked, wanted) = (estimator_cases.part(case, tensors, p) for p in ("support", "query"))
    first = estimator_plain.start(config, case["priors"], tensors, case["profile"])
    head = estimator_plain.adapt(config, tensors, first, *known[:3], target)[-1]
    before, after = (estimator_plain.outputs(theta, asked[0], asked[1]) for theta in (first, head))
    return {
        "scores_before": plain.scores(config, before),
        "scores_after": plain.scores(config, after),
        "adapted_head": head,
        "query_loss": np.mean(plain.losses(config["loss"], after, wanted)),
    }


def check(count):
    with open(GOLDEN, encoding="utf-8") as file:
        found = json.load(file)["cases"]
    count = len(found) if count is None else max(1, min(count, len(found)))
    places = sorted({round(k * (len(found) - 1) / max(1, count - 1)) for k in range(count)})
    failures = 0
    for place in places:
        case = found[place]
        exact = answered(case)[3]
        lines = list(differences(case["answers"], written(case, exact)))
        other = plainly(case)
        apart = distance({key: exact[key] for key in other}, other)
        if not apart <= 1e-9:
            lines.append(f"plain numpy is {apart:.1e} away")
        for line in lines:
            failures += 1
            print(f"case {place} (seed {case['seed']}): {line}", file=sys.stderr)
    if failures:
        sys.exit(f"{GOLDEN.name}: {failures} differences")
    print(f"{GOLDEN.name}: {len(places)} cases agree")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--cases", type=int, help="how many cases (default: all)")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    if given.check:
        check(given.cases)
    else:
        generate(given.cases or estimator_cases.CASES, given.workers)


if __name__ == "__main__":
    main()
