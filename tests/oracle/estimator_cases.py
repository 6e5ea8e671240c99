"""Random configurations of the whole estimator: their shapes, their data and their weights."""

import numpy as np

import estimator_plain as model
import plain
from cases import field_value, single, unit

CASES = 120
LOSSES = ["mse", "smooth_l1", "bce"]


def positive(name):
    return name.endswith((".scale", ".confidence", ".variance"))


def weights(case):
    """The case's tensors by name, float64 arrays of float32 values."""
    found = {}
    shapes = model.shapes(case["config"], case["priors"], case["known"])
    for t, ((name, shape), scale) in enumerate(zip(shapes.items(), case["scales"], strict=True)):
        values = scale * unit(case["seed"], t, int(np.prod(shape)))
        if positive(name):
            values = np.abs(values)
        if name == "catalog.raters":
            values = np.floor(np.abs(values))
        found[name] = values.astype(np.float32).astype(np.float64).reshape(shape)
    return found


def draw_fields(rng, side, count):
    found = []
    for i in range(count):
        kind = str(rng.choice(["one", "multi", "numeric"], p=[0.45, 0.35, 0.2]))
        field = {"name": f"{side}{i}", "kind": kind}
        if kind == "numeric":
            field["mean"] = float(rng.integers(-40, 400)) / 8
            field["std"] = float(rng.integers(4, 160)) / 16
        else:
            field["size"] = int(rng.integers(1, 13))
        if rng.random() < 0.3:
            field["embedded"] = False
        found.append(field)
    return found


def draw_terms(rng, fields):
    terms = []
    for field in fields:
        name = field["name"]
        if field["kind"] == "numeric":
            lowest, highest = sorted(float(rng.integers(-8, 9)) / 4 for _ in range(2))
            terms.append({"number": {"field": name, "lowest": lowest, "highest": highest}})
            continue
        if rng.random() < 0.7:
            terms.append({"values": name})
        if rng.random() < 0.4:
            terms.append({"shared": name})
    ones = [field["name"] for field in fields if field["kind"] == "one"]
    if len(ones) >= 2:
        terms.append({"pair": [str(name) for name in rng.permutation(ones)[:2]]})
    return [terms[int(k)] for k in rng.permutation(len(terms))[:3]]


def shape(index):
    """What case number `index` looks like: no values."""
    rng = np.random.default_rng([20190811, index])
    ridge = rng.random() < 0.6
    factors = 0 if rng.random() < 0.25 else int(rng.integers(1, 31))
    depth = int(rng.integers(0, 4)) if factors else 0
    item_fields = draw_fields(rng, "i", int(rng.integers(1, 5)))
    user_fields = draw_fields(rng, "u", int(rng.integers(0, 4)))
    if not factors and not model.embedded(item_fields):
        item_fields[0].pop("embedded")
    # With vectors, the body alone reads embeddings, and only of items.
    for field in (user_fields if factors else []) + (item_fields if factors and not depth else []):
        field["embedded"] = False
    hidden = []
    if not ridge and not factors:
        hidden = [int(n) for n in rng.integers(1, 9, int(rng.integers(0, 3)))]
    config = {
        "item_fields": item_fields,
        "user_fields": user_fields,
        "embedding_dim": int(rng.integers(1, 17)),
        "factors": factors,
        "body": [int(n) for n in rng.integers(1, 25, depth)],
        "hidden": hidden,
        "loss": LOSSES[index % 3],
    }
    priors = {}
    if factors:
        variance = single(rng.uniform(0.05, 0.5))
        priors["item"] = {"variance": variance, "terms": draw_terms(rng, item_fields)}
        if rng.random() < 0.7:
            priors["user"] = draw_terms(rng, user_fields)
    support = 0 if index % 12 == 5 else int(rng.integers(1, 61)) if rng.random() < 0.5 else int(rng.integers(1, 9))
    return {
        "config": config,
        "priors": priors,
        "ridge": ridge,
        "items": int(rng.integers(2, 25)),
        "support": support,
        "query": int(rng.integers(1, 8)),
        "missing": float(rng.choice([0.0, 0.2])),
        "pull": float(rng.choice([0.0, 0.5, 3.0, 12.0])),
        "steps": int(rng.integers(1, 6)),
    }


def scale_of(rng, name, shape):
    if name.startswith(("item.", "user.")):
        return single(rng.uniform(0.5, 1.2))
    if name.startswith("prior."):
        return single(3.0 if name.endswith("confidence") else 0.3)
    if name.startswith("catalog."):
        return {"vectors": 1.0, "bias": 0.5, "variance": 0.4, "raters": 40.0}[name.split(".")[1]]
    if name == "head.scale":
        return single(rng.uniform(0.3, 1.5))
    if name.endswith("weight"):
        return single(np.sqrt(3.0 / shape[1]) * rng.uniform(0.7, 1.3))
    return 0.3


def draw(form, seed):
    """A candidate of this shape: everything but the answers."""
    rng = np.random.default_rng([20190815, seed])
    config = {**form["config"], "output": {"scale": 1.0, "offset": 0.0}}
    clicks = config["loss"] == "bce"
    if not clicks:
        config["output"] = {"scale": int(rng.integers(8, 33)) / 16, "offset": int(rng.integers(8, 17)) / 4}
    if form["ridge"]:
        config["local"] = {
            "solver": "ridge",
            "noise": single(rng.uniform(0.2, 1.5)),
            "item_variance": single(rng.choice([0.0, rng.uniform(0.1, 2.0)])),
        }
    else:
        config["local"] = {"solver": "gradient", "steps": form["steps"], "rate": 0.0, "pull": form["pull"]}
    known = int(rng.integers(0, form["items"] + 1)) if config["factors"] else 0
    shapes = model.shapes(config, form["priors"], known)
    levels = [0, 1] if clicks else [n / 4 for n in range(4, 21)]

    def rated(count):
        return {
            "items": [int(i) for i in rng.integers(form["items"], size=count)],
            "ratings": [levels[int(i)] for i in rng.integers(len(levels), size=count)],
        }

    case = {
        "seed": seed,
        "config": config,
        "priors": form["priors"],
        "known": known,
        "scales": [scale_of(rng, name, shape) for name, shape in shapes.items()],
        "catalogue": [
            [field_value(rng, f, form["missing"]) for f in config["item_fields"]]
            for _ in range(form["items"])
        ],
        "profile": [field_value(rng, f, form["missing"]) for f in config["user_fields"]],
        "support": rated(form["support"]),
        "query": rated(form["query"]),
    }
    if not form["ridge"]:
        config["local"]["rate"] = draw_rate(rng, case)
    return case


def part(case, tensors, name):
    """What the head sees of a set, its offsets and variances, the body's sums; the targets."""
    items = items_of(case, case[name]["items"])
    found = model.described(case["config"], case["priors"], tensors, items, case["profile"])
    return found, plain.targets(case["config"], case[name]["ratings"])


def items_of(case, places):
    """Values and, of the items that the file has, the place there."""
    return [(case["catalogue"][i], i if i < case["known"] else None) for i in places]


def draw_rate(rng, case):
    """A rate that moves the head well but stays stable: a share of the inverse curvature."""
    tensors = weights(case)
    (features, *_), target = part(case, tensors, "support")
    head = model.start(case["config"], case["priors"], tensors, case["profile"])
    curvature = np.mean(plain.output_gradient_norms(head, features)) if len(target) else 1.0
    factor = {"mse": 0.5, "smooth_l1": 1.0, "bce": 4.0}[case["config"]["loss"]]
    rate = min(0.5, factor * np.exp(rng.uniform(np.log(0.15), np.log(1.2))) / curvature)
    if rng.random() < 0.5:
        return single(rate)
    names = [f"head.{k // 2}.{'bias' if k % 2 else 'weight'}" for k in range(len(head))]
    return {name: single(rate * rng.uniform(0.4, 1.4)) for name in names}
