"""Random configurations: their shapes, their plain data and their weights."""

import numpy as np

import plain

MASK = (1 << 64) - 1


def mix(z):
    """SplitMix64's step; a python integer or a uint64 array, modulo 2^64."""
    wide = (lambda n: np.uint64(n)) if isinstance(z, np.ndarray) else (lambda n: n)
    mask = wide(MASK)
    z = (z + wide(0x9E3779B97F4A7C15)) & mask
    z = ((z ^ (z >> wide(30))) * wide(0xBF58476D1CE4E5B9)) & mask
    z = ((z ^ (z >> wide(27))) * wide(0x94D049BB133111EB)) & mask
    return z ^ (z >> wide(31))


def unit(seed, tensor, count):
    """The first `count` numbers in [-1, 1) that belong to a tensor number."""
    start = mix((mix(seed) + tensor) & MASK)
    z = mix(np.uint64(start) + np.arange(count, dtype=np.uint64))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53 * 2.0 - 1.0


def weights(case):
    """The case's tensors, float64 arrays of float32 values, in tensor order."""
    tensors = []
    for t, (shape, scale) in enumerate(
        zip(plain.tensor_shapes(case["config"]), case["scales"], strict=True)
    ):
        values = scale * unit(case["seed"], t, int(np.prod(shape)))
        tensors.append(values.astype(np.float32).astype(np.float64).reshape(shape))
    return tensors


def single(x):
    """The nearest float32, to two or three digits where that is a readable number."""
    return float(np.float32(float(f"{x:.2g}")))


# Shapes that a random draw would seldom or never make. What a row leaves out is drawn.
CHOSEN = [
    # the paper's
    dict(items=4, users=4, dim=32, hidden=[64, 64], support=13, query=10, steps=1, loss="mse"),
    dict(items=4, users=4, dim=32, hidden=[64, 64], support=30, query=10, steps=1, loss="mse"),
    dict(items=4, users=4, dim=32, hidden=[64, 64], support=20, query=10, steps=5, loss="bce"),
    dict(items=4, users=4, dim=32, hidden=[64, 64], support=5, query=5, steps=3, loss="mse"),
    # long support sets
    dict(items=3, users=2, dim=4, hidden=[8], support=1000, query=20, steps=2, loss="mse"),
    dict(items=2, users=1, dim=3, hidden=[6, 5], support=1000, query=10, steps=1, loss="bce"),
    dict(items=2, users=2, dim=8, hidden=[16], support=257, query=20, steps=1),
    dict(items=3, users=0, dim=5, hidden=[7, 3], support=300, query=12, steps=3),
    dict(items=2, users=1, dim=16, hidden=[], support=512, query=20, steps=4),
    dict(items=1, users=1, dim=2, hidden=[4, 4, 4], support=200, query=9, steps=2),
    dict(items=2, users=3, dim=4, hidden=[17], support=129, query=5, steps=1),
    dict(items=3, users=3, dim=6, hidden=[10, 10], support=100, query=20, steps=2),
    # many local steps
    dict(items=2, users=1, dim=4, hidden=[6], support=6, query=5, steps=100, loss="mse"),
    dict(items=1, users=1, dim=3, hidden=[5, 4], support=4, query=3, steps=100, loss="bce"),
    dict(items=3, users=2, dim=8, hidden=[12, 8], support=10, query=8, steps=20, loss="mse"),
    dict(items=2, users=2, dim=4, hidden=[], support=8, query=6, steps=20, loss="bce"),
    dict(items=2, users=2, dim=5, hidden=[9], support=15, query=10, steps=20, loss="mse"),
    dict(items=3, users=1, dim=2, hidden=[4, 4, 4, 4], support=5, query=4, steps=20, loss="bce"),
    dict(items=2, users=3, dim=16, hidden=[16, 16], support=12, query=7, steps=10, loss="mse"),
    dict(items=2, users=0, dim=7, hidden=[11], support=9, query=7, steps=50, loss="mse"),
    # wide layers
    dict(items=2, users=2, dim=8, hidden=[512], support=8, query=4, steps=2),
    dict(items=3, users=2, dim=16, hidden=[512, 16], support=6, query=3, steps=1),
    dict(items=2, users=1, dim=4, hidden=[33, 512], support=5, query=4, steps=2),
    dict(items=2, users=2, dim=32, hidden=[512, 512], support=3, query=2, steps=1, loss="mse"),
    dict(items=3, users=3, dim=32, hidden=[256, 128, 64], support=6, query=4, steps=1),
    dict(items=2, users=2, dim=12, hidden=[1, 300, 1], support=6, query=4, steps=2),
    # wide embeddings
    dict(items=2, users=2, dim=256, hidden=[32], support=8, query=4, steps=1),
    dict(items=4, users=4, dim=256, hidden=[512, 8], support=4, query=3, steps=1),
    dict(items=1, users=0, dim=256, hidden=[16, 16], support=12, query=6, steps=3),
    dict(items=16, users=16, dim=256, hidden=[40], support=5, query=4, steps=1),
    dict(items=3, users=1, dim=255, hidden=[], support=10, query=5, steps=2),
    dict(items=2, users=1, dim=129, hidden=[31, 33], support=7, query=4, steps=2),
    dict(items=4, users=2, dim=32, hidden=[63, 65], support=17, query=6, steps=2),
    dict(items=3, users=4, dim=32, hidden=[100], support=25, query=8, steps=5),
    dict(items=5, users=3, dim=32, hidden=[48, 24, 12], support=10, query=5, steps=2),
    dict(items=1, users=7, dim=32, hidden=[32, 32, 32, 32], support=8, query=4, steps=1),
    # many fields, and hardly any
    dict(items=16, users=16, dim=2, hidden=[8], support=10, query=5, steps=2),
    dict(items=31, users=1, dim=4, hidden=[12, 6], support=6, query=4, steps=1),
    dict(items=1, users=31, dim=3, hidden=[9], support=8, query=5, steps=3),
    dict(items=32, users=0, dim=1, hidden=[16], support=12, query=6, steps=2),
    dict(items=1, users=0, dim=1, hidden=[], support=1, query=1, steps=1, loss="mse"),
    dict(items=1, users=0, dim=1, hidden=[], support=3, query=2, steps=4, loss="bce"),
    dict(items=1, users=0, dim=1, hidden=[2], support=1, query=1, steps=1),
    dict(items=1, users=1, dim=1, hidden=[1], support=4, query=3, steps=3),
    dict(items=1, users=1, dim=2, hidden=[1, 1, 1, 1], support=4, query=3, steps=1),
    dict(items=2, users=2, dim=6, hidden=[10, 10, 10, 10], support=1, query=20, steps=5),
]
CASES = 252


def shape(index):
    """What case number `index` looks like: kinds, sizes and counts, no values."""
    rng = np.random.default_rng([20190804, index])
    found = dict(CHOSEN[index]) if index < len(CHOSEN) else {}
    if not found:
        fields = int(rng.integers(2, 9))
        users = 0 if rng.random() < 0.15 else int(rng.integers(1, fields))
        depth = int(rng.choice([0, 1, 2, 3, 4], p=[0.1, 0.25, 0.35, 0.18, 0.12]))
        widest = 40 if rng.random() < 0.2 else 14
        found = dict(
            items=fields - users,
            users=users,
            dim=int(rng.choice([1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 24, 32, 33])),
            hidden=[int(n) for n in rng.integers(2, widest + 1, depth)],
            support=int(rng.integers(1, 41)) if rng.random() < 0.6 else int(rng.integers(1, 12)),
            query=int(rng.integers(1, 21)),
            steps=int(rng.choice([0, 1, 2, 3, 4, 5], p=[0.05, 0.3, 0.22, 0.18, 0.1, 0.15])),
        )
    found.setdefault("loss", "mse" if rng.random() < 0.6 else "bce")

    def fields(side, count):
        listed = []
        for i in range(count):
            kind = str(rng.choice(["one", "multi", "numeric"], p=[0.45, 0.3, 0.25]))
            field = {"name": f"{side}{i}", "kind": kind}
            if kind == "numeric":
                field["mean"] = float(rng.integers(-40, 400)) / 8
                field["std"] = float(rng.integers(4, 160)) / 16
            else:
                field["size"] = int(rng.integers(50, 400) if rng.random() < 0.04 else rng.integers(1, 41))
            listed.append(field)
        return listed

    found["item_fields"] = fields("i", found["items"])
    found["user_fields"] = fields("u", found["users"])
    found["missing"] = float(rng.choice([0.0, 0.1, 0.3]))
    found["shared_rate"] = bool(rng.random() < 0.6)
    return found


def field_value(rng, field, missing):
    gone = rng.random() < missing
    if field["kind"] == "numeric":
        value = field["mean"] + field["std"] * float(np.clip(rng.standard_normal(), -2.5, 2.5))
        return None if gone else round(value * 8) / 8
    if field["kind"] == "one":
        return None if gone else int(rng.integers(field["size"]))
    count = 0 if gone else int(rng.integers(0 if missing else 1, 5))
    return [int(v) for v in rng.choice(field["size"], min(count, field["size"]), replace=False)]


def draw(form, seed):
    """A candidate of this shape: everything but the answers."""
    rng = np.random.default_rng([20190808, seed])
    mse = form["loss"] == "mse"
    output = {"scale": 1.0, "offset": 0.0}
    if mse:
        output = {"scale": int(rng.integers(8, 33)) / 16, "offset": int(rng.integers(8, 17)) / 4}
    config = {
        "item_fields": form["item_fields"],
        "user_fields": form["user_fields"],
        "embedding_dim": form["dim"],
        "hidden": form["hidden"],
        "loss": form["loss"],
        "output": output,
        "local": {"solver": "gradient", "steps": form["steps"], "rate": 0.0},
    }
    tables, head = plain.tensor_names(config)
    shapes = plain.tensor_shapes(config)
    scales = []
    for name, dims in zip(tables + head, shapes, strict=True):
        if name in tables:
            scales.append(single(rng.uniform(0.7, 1.6)))
        elif name.endswith("weight"):
            scales.append(single(np.sqrt(3.0 / dims[1]) * rng.uniform(0.9, 1.5)))
        else:
            scales.append(single(0.3))
    count = form["support"] + form["query"]
    order = [int(i) for i in rng.permutation(count)]
    levels = [n / 4 for n in range(4, 21)] if mse else [0, 1]
    ratings = [levels[int(i)] for i in rng.integers(len(levels), size=count)]
    split = form["support"]
    case = {
        "seed": seed,
        "config": config,
        "scales": scales,
        "catalogue": [
            [field_value(rng, f, form["missing"]) for f in form["item_fields"]] for _ in range(count)
        ],
        "profile": [field_value(rng, f, form["missing"]) for f in form["user_fields"]],
        "support": {"items": order[:split], "ratings": ratings[:split]},
        "query": {"items": order[split:], "ratings": ratings[split:]},
    }
    config["local"]["rate"] = draw_rate(rng, form, case, head)
    return case


def draw_rate(rng, form, case, names):
    """A rate that moves the head well but stays stable: a share of the inverse curvature."""
    tensors = weights(case)
    cut = len(tensors) - len(names)
    items = [case["catalogue"][i] for i in case["support"]["items"]]
    x = plain.inputs(case["config"], tensors[:cut], items, case["profile"])
    curvature = np.mean(plain.output_gradient_norms(tensors[cut:], x))
    most = 0.25 if form["steps"] >= 10 else 0.7
    rate = np.exp(rng.uniform(np.log(0.08), np.log(most))) / curvature
    if form["loss"] == "bce":
        rate *= 4.0
    rate = min(rate, 0.5)
    if form["shared_rate"]:
        return single(rate)
    return {name: single(rate * rng.uniform(0.4, 1.4)) for name in names}
