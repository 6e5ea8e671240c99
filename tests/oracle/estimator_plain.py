"""The whole estimator in plain float64 numpy: vectors, priors, body, and both solvers.

As docs/format.md describes it, item by item and term by term. It shares nothing with
the automatic differentiation in estimator.py, which it screens and verifies.
"""

import numpy as np

import plain

FLATTEST = 0.05


def embedded(fields):
    return [field for field in fields if field.get("embedded", True)]


def widths(config):
    """Of an item's description, and of what the head sees."""
    factors, body = config.get("factors", 0), config.get("body", [])
    item = len(embedded(config["item_fields"])) * config["embedding_dim"]
    user = len(embedded(config["user_fields"])) * config["embedding_dim"]
    if factors:
        return item + factors + 4, factors + sum(body[-1:])
    return item, item + user


def rows_of_term(fields, term):
    """How many rows of weights a term of a prior has."""
    (kind, what), = term.items()
    size = {field["name"]: field.get("size") for field in fields}
    if kind == "values":
        multi = any(field["name"] == what and field["kind"] == "multi" for field in fields)
        return size[what] + multi
    if kind == "pair":
        return size[what[0]] * size[what[1]]
    return 1 if kind == "number" else size[what] + 1


def shapes(config, priors, items):
    """Every tensor of numbers by name, in the order of their numbers in generated cases."""
    found = {}
    dim, factors = config["embedding_dim"], config.get("factors", 0)
    for entity in ("item", "user"):
        for field in embedded(config[f"{entity}_fields"]):
            rows = 2 if field["kind"] == "numeric" else field["size"]
            found[f"{entity}.{field['name']}.weight"] = (rows, dim)
    item, features = widths(config)
    for network, inputs, outputs in (
        ("body", item, config.get("body", [])),
        ("head", features, config["hidden"] + [1]),
    ):
        for k, out in enumerate(outputs):
            found[f"{network}.{k}.weight"] = (out, inputs)
            found[f"{network}.{k}.bias"] = (out,)
            inputs = out
    if config["local"].get("solver") == "ridge":
        found["head.scale"] = (features + 1,)
    for entity, width in (("item", factors + 1), ("user", features + 1)):
        if entity not in priors:
            continue
        fields = config[f"{entity}_fields"]
        terms = priors["item"]["terms"] if entity == "item" else priors["user"]
        found[f"prior.{entity}.intercept"] = (width,)
        for index, term in enumerate(terms):
            rows = rows_of_term(fields, term)
            found[f"prior.{entity}.{index}.weight"] = (rows, width)
            if "shared" in term:
                found[f"prior.{entity}.{index}.confidence"] = (rows - 1,)
    if factors and items:
        found["catalog.vectors"] = (items, factors)
        for name in ("bias", "variance", "raters"):
            found[f"catalog.{name}"] = (items,)
    return found


def prior(fields, terms, tensors, entity, values):
    """What one row of values foretells."""
    total = tensors[f"prior.{entity}.intercept"].astype(np.float64)
    place = {field["name"]: k for k, field in enumerate(fields)}

    def chosen(name):
        value = values[place[name]]
        return [] if value is None else value if isinstance(value, list) else [value]

    for index, term in enumerate(terms):
        (kind, what), = term.items()
        weight = tensors[f"prior.{entity}.{index}.weight"]
        if kind == "values":
            field = fields[place[what]]
            for value in chosen(what):
                total += weight[value]
            if field["kind"] == "multi" and chosen(what):
                total += weight[field["size"]]
        elif kind == "pair":
            for a in chosen(what[0]):
                for b in chosen(what[1]):
                    total += weight[a * fields[place[what[1]]]["size"] + b]
        elif kind == "number":
            field = fields[place[what["field"]]]
            value = values[place[what["field"]]]
            if value is not None:
                number = (value - field["mean"]) / field["std"]
                total += weight[0] * min(max(number, what["lowest"]), what["highest"])
        elif kind == "shared" and chosen(what):
            confidence = tensors[f"prior.{entity}.{index}.confidence"]
            known = 1.0
            for value in chosen(what):
                known += confidence[value]
            for value in chosen(what):
                total += weight[value] / known
            total += weight[-1] * np.log(known)
    return total


def embeddings(config, tensors, entity, values):
    parts = [np.zeros(0)]
    for field, value in zip(config[f"{entity}_fields"], values, strict=True):
        if field.get("embedded", True):
            table = tensors[f"{entity}.{field['name']}.weight"]
            parts.append(plain.field_embedding(field, table, value))
    return np.concatenate(parts)


def item(config, priors, tensors, values, known):
    """One item: its description, vector, bias and variance. `known`: its place in the file, or None."""
    vector, bias, variance, numbers = np.zeros(0), 0.0, 0.0, []
    if config.get("factors", 0):
        raters = 0
        if known is None:
            foretold = prior(config["item_fields"], priors["item"]["terms"], tensors, "item", values)
            bias, vector, variance = foretold[0], foretold[1:], priors["item"]["variance"]
        else:
            vector = tensors["catalog.vectors"][known]
            bias, variance, raters = (
                tensors[f"catalog.{name}"][known] for name in ("bias", "variance", "raters")
            )
        numbers = [3.0 * bias, float(raters > 0), np.log(1.0 + raters) / 4.0 - 1.0, 3.0 * variance]
    row = np.concatenate([vector, numbers, embeddings(config, tensors, "item", values)])
    return row, vector, bias, variance


def network(tensors, name):
    """A network's weights and biases, one after another."""
    found = []
    while f"{name}.{len(found) // 2}.weight" in tensors:
        layer = len(found) // 2
        found += [tensors[f"{name}.{layer}.weight"], tensors[f"{name}.{layer}.bias"]]
    return found


def described(config, priors, tensors, items, profile):
    """What the head sees of some (values, known), their offsets and variances; the body's sums."""
    user = embeddings(config, tensors, "user", profile)
    body = network(tensors, "body")
    features, offsets, variances, sums = [], [], [], []
    for values, known in items:
        row, vector, bias, variance = item(config, priors, tensors, values, known)
        x = row
        for k in range(0, len(body), 2):
            sums.append(body[k] @ x + body[k + 1])
            x = np.maximum(sums[-1], 0.0)
        if not config.get("factors", 0):
            x = np.concatenate([row, user])
        elif body:
            x = np.concatenate([vector, x])
        else:
            x = vector
        features.append(x)
        offsets.append(bias)
        variances.append(variance)
    features = np.array(features).reshape(len(items), widths(config)[1])
    return features, np.array(offsets), np.array(variances), sums


def start(config, priors, tensors, profile):
    """The head before any rating."""
    head = [tensor.astype(np.float64) for tensor in network(tensors, "head")]
    if "user" in priors:
        moved = prior(config["user_fields"], priors["user"], tensors, "user", profile)
        head[0][0] += moved[:-1]
        head[1] += moved[-1:]
    return head


def ridge(config, head, scale, features, offsets, variances, target):
    """The linear head adapted in closed form, by the normal equations in its own units."""
    local = config["local"]
    rows = np.hstack([features, np.ones((len(features), 1))])
    weights = np.append(head[0][0], head[1])
    said = rows @ weights + offsets
    residual, spread = target - said, np.ones(len(said))
    if config["loss"] == "bce":
        p = 1.0 / (1.0 + np.exp(-said))
        spread = 1.0 / np.maximum(p * (1.0 - p), FLATTEST)
        residual = (target - p) * spread
    variance = local["noise"] * spread + local.get("item_variance", 0.0) * variances
    # The prior's precision is 1 / scale^2; multiplied by scale on both sides, it may be 0.
    weighted = rows.T / variance
    system = np.eye(len(weights)) + (scale[:, None] * scale) * (weighted @ rows)
    moved = weights + scale * np.linalg.solve(system, scale * (weighted @ residual))
    return [moved[None, :-1], moved[-1:]]


def rates(config):
    rate = config["local"]["rate"]
    names = [f"head.{k}.{part}" for k in range(len(config["hidden"]) + 1) for part in ("weight", "bias")]
    return [float(rate[name] if isinstance(rate, dict) else rate) for name in names]


def adapt(config, tensors, head, features, offsets, variances, target):
    """The heads on the way, the first of which is where it starts."""
    local = config["local"]
    if local.get("solver") == "ridge":
        if not len(target):
            return [head]
        return [head, ridge(config, head, tensors["head.scale"], features, offsets, variances, target)]
    pull = local.get("pull", 0.0)
    loss, steps = config["loss"], local["steps"]
    return plain.adapt(head, features, target, loss, rates(config), steps, pull, offsets)


def outputs(head, features, offsets):
    return plain.forward(head, features)[2] + offsets


def answers(config, priors, tensors, items, profile, support, ratings):
    """Scores of all items before and after adapting to some of them: `support` has their places."""
    features, offsets, variances, _ = described(config, priors, tensors, items, profile)
    target = plain.targets(config, ratings)
    first = start(config, priors, tensors, profile)
    known = (features[support], offsets[support], variances[support])
    heads = adapt(config, tensors, first, *known, target)
    return {
        "scores_before": plain.scores(config, outputs(first, features, offsets)).tolist(),
        "scores_after": plain.scores(config, outputs(heads[-1], features, offsets)).tolist(),
    }
