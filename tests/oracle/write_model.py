"""Weight files as another program would write them, and what they must answer.

    write_model.py OUT_DIR      weights_only.safetensors, full.safetensors,
                                vectors.safetensors, clicks.safetensors, expected.json

numpy and safetensors alone, from the description of the weight file. The answers
are plain.py's and estimator_plain.py's, float64 on the float32 weights; the head gradient is held against
finite differences before anything is written.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

import estimator_plain
import plain

WEIGHTS_ONLY = {
    "item_fields": [
        {"name": "kind", "kind": "one", "size": 4},
        {"name": "tags", "kind": "multi", "size": 6},
        {"name": "price", "kind": "numeric", "mean": 12.5, "std": 4.25},
    ],
    "user_fields": [{"name": "region", "kind": "one", "size": 3}],
    "embedding_dim": 5,
    "hidden": [7, 3],
    "loss": "bce",
    "output": {"scale": 1.0, "offset": 0.0},
    "local": {
        "steps": 4,
        "rate": {
            "head.0.weight": 0.03125,
            "head.0.bias": 0.015625,
            "head.1.weight": 0.0625,
            "head.1.bias": 0.125,
            "head.2.weight": 0.046875,
            "head.2.bias": 0.078125,
        },
    },
}

FULL = {
    "item_fields": [
        {"name": "genres", "kind": "multi", "size": 7},
        {"name": "language", "kind": "one", "size": 4},
        {"name": "year", "kind": "numeric", "mean": 1987.5, "std": 14.5},
    ],
    "user_fields": [
        {"name": "age", "kind": "one", "size": 3},
        {"name": "hobbies", "kind": "multi", "size": 5},
        {"name": "hours", "kind": "numeric", "mean": 6.25, "std": 3.0},
    ],
    "embedding_dim": 6,
    "hidden": [9, 5],
    "loss": "mse",
    "output": {"scale": 1.25, "offset": 3.5},
    "local": {"solver": "gradient", "steps": 3, "rate": 0.00390625},
}

# The same fields, with vectors, both priors and a body, which `language` is hidden from and
# users are.
VECTORS = {
    **FULL,
    "item_fields": [
        {**field, "embedded": False} if field["name"] == "language" else field
        for field in FULL["item_fields"]
    ],
    "user_fields": [{**field, "embedded": False} for field in FULL["user_fields"]],
    "factors": 4,
    "body": [8, 5],
    "hidden": [],
    "loss": "smooth_l1",
    "local": {"solver": "ridge", "noise": 0.75, "item_variance": 1.5},
}

CLICKS = {**VECTORS, "loss": "bce", "output": {"scale": 1.0, "offset": 0.0}}

PRIORS = {
    "item": {
        "variance": 0.375,
        "terms": [
            {"values": "genres"},
            {"values": "language"},
            {"number": {"field": "year", "lowest": -1.5, "highest": 1.25}},
            {"shared": "genres"},
        ],
    },
    "user": [{"values": "hobbies"}, {"pair": ["age", "age"]}, {"shared": "age"}],
}

# Items that no file has: id, genres, language, year.
NEW_ITEMS = [
    ("new", ["drama", "été"], "français", 1990),
    ("bare", [], None, None),
]

# In the order of their UTF-8 bytes, which is no language's own.
NAMES = {
    ("item", "genres"): ["Zeichentrick", "comédie", "drama", "Ärger", "été", "драма", "アニメ"],
    ("item", "language"): ["Deutsch", "français", "日本語", "🖖"],
    ("user", "age"): ["100+", "18-24", "9"],
    ("user", "hobbies"): ["Ski", "ski", "skiing", "straße", "音楽"],
}

# id, title, genres, language, year; None or [] where nothing is known.
CATALOGUE = [
    ("m-9", "The Ninth", ["drama"], "Deutsch", 1999),
    ("m-10", "Été sans fin", ["comédie", "été"], "français", 1976),
    ("m-1", "となりの山", ["アニメ", "drama", "Zeichentrick"], "日本語", 1988),
    ("ключ", "Ключ", ["драма"], None, 1969),
    ("M-1", "", [], "Deutsch", 2003.5),
    ("ä", "Ärger im 🏠", ["Ärger", "comédie"], "Deutsch", None),
    ("🚀", "🚀🚀", ["アニメ"], "🖖", 2012),
    ("m 2, \"quoted\"", "A, \"B\" & C", [], None, None),
    ("0", "Zero", ["Zeichentrick"], "français", 1950),
    ("m-11", "Eleven", ["drama", "драма", "été", "アニメ"], "日本語", 1987.5),
]

USERS = [
    ({"age": "18-24", "hobbies": ["ski", "音楽"], "hours": 9.5},
     [("m-9", 5), ("m-10", 2.5), ("🚀", 4), ("0", 1)]),
    ({"age": "9", "hobbies": ["straße"], "hours": None},
     [("ä", 3)]),
    ({"age": None, "hobbies": [], "hours": None},
     [("ключ", 1.5), ("m 2, \"quoted\"", 4.5)]),
    # one hobby that the vocabulary lacks beside one it has; an age that it lacks
    ({"age": "25-34", "hobbies": ["Ski", "chess"], "hours": 0},
     [("M-1", 2), ("m-1", 5), ("m-11", 4.25)]),
]

INDEXED_ITEMS = [
    [0, [1], 9.5], [1, [0, 5], 20.0], [3, [2, 3, 4], 12.5], [None, [], None],
    [2, [5], 3.25], [0, [4, 1], None], [None, [0], 14.0], [3, [], 11.75],
]

INDEXED_USERS = [
    ([2], [0, 2, 4], [1, 0, 1]),
    ([0], [3], [0]),
    ([None], [6, 1, 7, 5], [0, 1, 1, 0]),
]


def random_weights(config, seed):
    """Every tensor of the model by name, float32."""
    rng = np.random.default_rng(seed)
    tables, head = plain.tensor_names(config)
    found = {}
    for name, shape in zip(tables + head, plain.tensor_shapes(config), strict=True):
        spread = np.sqrt(2.0 / shape[1]) if name.startswith("head") and len(shape) == 2 else 0.7
        found[name] = (spread * rng.standard_normal(shape)).astype(np.float32)
    return found


def strings(tensors, name, texts):
    """Texts as offsets and bytes."""
    encoded = [text.encode("utf-8") for text in texts]
    offsets = np.zeros(len(encoded) + 1, dtype=np.uint64)
    offsets[1:] = np.cumsum([len(e) for e in encoded])
    tensors[f"{name}.offsets"] = offsets
    tensors[f"{name}.bytes"] = np.frombuffer(b"".join(encoded), dtype=np.uint8).copy()


def indexed(config, side, values):
    """Field values by name become rows; names that the vocabulary lacks are left out."""
    found = []
    for field, value in zip(config[f"{side}_fields"], values, strict=True):
        if field["kind"] == "numeric":
            found.append(value)
            continue
        names = NAMES[side, field["name"]]
        if field["kind"] == "one":
            found.append(names.index(value) if value in names else None)
        else:
            found.append([names.index(v) for v in value if v in names])
    return found


def catalogue_tensors(tensors, config, items):
    strings(tensors, "catalog.ids", [row[0] for row in CATALOGUE])
    strings(tensors, "catalog.titles", [row[1] for row in CATALOGUE])
    for k, field in enumerate(config["item_fields"]):
        values = [item[k] for item in items]
        name = f"catalog.{field['name']}"
        if field["kind"] == "numeric":
            known = [np.nan if v is None else v for v in values]
            tensors[f"{name}.values"] = np.array(known, dtype=np.float32)
            continue
        rows = [v if isinstance(v, list) else [] if v is None else [v] for v in values]
        offsets = np.zeros(len(rows) + 1, dtype=np.uint64)
        offsets[1:] = np.cumsum([len(r) for r in rows])
        tensors[f"{name}.offsets"] = offsets
        tensors[f"{name}.values"] = np.array([v for r in rows for v in r], dtype=np.uint32)


def evidence_tensors(tensors):
    """Best first; not every item is a candidate."""
    items = np.array([6, 1, 9, 0, 2, 4], dtype=np.uint32)
    gradient_norm = np.array([0.5, 1.0, 0.75, 0.25, 0.625, 0.125], dtype=np.float32)
    popularity = np.array([1.0, 0.375, 0.25, 0.5, 0.125, 0.25], dtype=np.float32)
    scores = gradient_norm * popularity
    order = np.argsort(-scores, kind="stable")
    tensors["evidence.items"] = items[order]
    tensors["evidence.scores"] = scores[order]
    tensors["evidence.gradient_norm"] = gradient_norm[order]
    tensors["evidence.popularity"] = popularity[order]
    return [int(i) for i in items[order]], [float(s) for s in scores[order]]


def verify_gradient(config, tensors, rows, ratings, profile):
    """The hand-written gradient of the head against central differences, element by element."""
    tables, names = plain.tensor_names(config)
    head = [tensors[n].astype(np.float64) for n in names]
    x = plain.inputs(config, [tensors[n].astype(np.float64) for n in tables], rows, profile)
    target = plain.targets(config, ratings)

    def mean_loss():
        return np.mean(plain.losses(config["loss"], plain.forward(head, x)[2], target))

    for name, tensor, gradient in zip(
        names, head, plain.head_gradient(head, x, target, config["loss"]), strict=True
    ):
        for place in np.ndindex(tensor.shape):
            kept, step = tensor[place], 1e-6
            tensor[place] = kept + step
            above = mean_loss()
            tensor[place] = kept - step
            below = mean_loss()
            tensor[place] = kept
            slope = (above - below) / (2 * step)
            if abs(slope - gradient[place]) > 1e-7 * (1 + abs(slope)):
                sys.exit(f"{name}{list(place)}: gradient {gradient[place]}, differences {slope}")


def answers(config, tensors, items, profile, known, ratings):
    """Scores of all items before and after the local update."""
    verify_gradient(config, tensors, [items[i] for i in known], ratings, profile)
    tables, names = plain.tensor_names(config)
    head = [tensors[n].astype(np.float64) for n in names]
    x = plain.inputs(config, [tensors[n].astype(np.float64) for n in tables], items, profile)
    rates, steps = plain.rates_per_tensor(config), config["local"]["steps"]
    heads = plain.adapt(head, x[known], plain.targets(config, ratings), config["loss"], rates, steps)
    return {
        "scores_before": plain.scores(config, plain.forward(heads[0], x)[2]).tolist(),
        "scores_after": plain.scores(config, plain.forward(heads[-1], x)[2]).tolist(),
    }


def save(path, config, tensors, priors=None):
    metadata = {"melu.format": "1", "melu.config": json.dumps(config, ensure_ascii=False)}
    if priors:
        metadata["melu.priors"] = json.dumps(priors, ensure_ascii=False)
    save_file(tensors, path, metadata=metadata)


def write_weights_only(folder):
    tensors = random_weights(WEIGHTS_ONLY, 1)
    save(folder / "weights_only.safetensors", WEIGHTS_ONLY, tensors)
    users = []
    for profile, known, ratings in INDEXED_USERS:
        found = answers(WEIGHTS_ONLY, tensors, INDEXED_ITEMS, profile, known, ratings)
        users.append({"profile": profile, "support": {"items": known, "ratings": ratings}, **found})
    return {"items": INDEXED_ITEMS, "users": users}


def write_full(folder):
    tensors = random_weights(FULL, 2)
    for (side, field), names in NAMES.items():
        assert names == sorted(names, key=lambda name: name.encode("utf-8")), names
        strings(tensors, f"vocab.{side}.{field}", names)
    items = [indexed(FULL, "item", row[2:]) for row in CATALOGUE]
    catalogue_tensors(tensors, FULL, items)
    evidence, scores = evidence_tensors(tensors)
    save(folder / "full.safetensors", FULL, tensors)
    ids = [row[0] for row in CATALOGUE]
    users = []
    for profile, ratings in USERS:
        values = indexed(FULL, "user", profile.values())
        known = [ids.index(item) for item, _ in ratings]
        found = answers(FULL, tensors, items, values, known, [rating for _, rating in ratings])
        support = {"ids": [item for item, _ in ratings], "ratings": [rating for _, rating in ratings]}
        users.append({"profile": profile, "support": support, **found})
    return {
        "ids": ids,
        "titles": [row[1] for row in CATALOGUE],
        "evidence": {"items": evidence, "scores": scores},
        "users": users,
    }


def vector_weights(config, seed):
    """Every tensor of a model with vectors by name, of the type that the file has it in."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, shape in estimator_plain.shapes(config, PRIORS, len(CATALOGUE)).items():
        spread = np.sqrt(2.0 / shape[1]) if name.startswith(("head", "body")) and len(shape) == 2 else 0.4
        numbers = spread * rng.standard_normal(shape)
        if name.endswith((".scale", ".confidence", ".variance")):
            numbers = np.abs(numbers)
        found[name] = numbers.astype(np.float32)
        if name == "catalog.raters":
            found[name] = rng.integers(0, 50, shape).astype(np.uint32)
            found[name][0] = 0
    return found


def write_vectors(path, config, seed):
    """A whole file; scores of its own items, and of new ones beside one that it has."""
    tensors = vector_weights(config, seed)
    for (side, field), names in NAMES.items():
        strings(tensors, f"vocab.{side}.{field}", names)
    items = [indexed(config, "item", row[2:]) for row in CATALOGUE]
    catalogue_tensors(tensors, config, items)
    save(path, config, tensors, PRIORS)
    ids = [row[0] for row in CATALOGUE]
    own = list(zip(items, range(len(items)), strict=True))
    new = [(indexed(config, "item", row[1:]), None) for row in NEW_ITEMS]
    # An item that the file has keeps its vector, and is embedded by the values that are given.
    new.append((indexed(config, "item", NEW_ITEMS[0][1:]), ids.index("🚀")))
    new_ids = [row[0] for row in NEW_ITEMS] + ["🚀"]
    rows = [dict(zip(("genres", "language", "year"), row[1:], strict=True)) for row in NEW_ITEMS]
    found = {"users": [], "new_ids": new_ids, "new_items": rows + rows[:1], "new_users": []}
    for profile, ratings in USERS:
        values = indexed(config, "user", profile.values())
        stars = [rating for _, rating in ratings]
        if config["loss"] == "bce":
            stars = [int(rating > 3) for rating in stars]
        support = {"ids": [item for item, _ in ratings], "ratings": stars}
        known = [ids.index(item) for item, _ in ratings]
        answer = estimator_plain.answers(config, PRIORS, tensors, own, values, known, stars)
        found["users"].append({"profile": profile, "support": support, **answer})
        support = {"ids": new_ids, "ratings": [1, 0, 1]}
        answer = estimator_plain.answers(config, PRIORS, tensors, new, values, [0, 1, 2], [1, 0, 1])
        found["new_users"].append({"profile": profile, "support": support, **answer})
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="OUT_DIR", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    expected = {
        "weights_only": write_weights_only(folder),
        "full": write_full(folder),
        "vectors": write_vectors(folder / "vectors.safetensors", VECTORS, 3),
        "clicks": write_vectors(folder / "clicks.safetensors", CLICKS, 4),
    }
    text = json.dumps(expected, ensure_ascii=False, indent=1)
    (folder / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
