"""The model in plain float64 numpy: inputs row by row, the head's gradient by hand.

Written from the description of the weight file alone. It shares nothing with the
automatic differentiation in autodiff.py, which it screens and verifies.
"""

import numpy as np


def tensor_names(config):
    """Embedding tables (item fields, then user fields), then the head's weights and biases."""
    tables = [f"item.{f['name']}.weight" for f in config["item_fields"]]
    tables += [f"user.{f['name']}.weight" for f in config["user_fields"]]
    head = []
    for layer in range(len(config["hidden"]) + 1):
        head += [f"head.{layer}.weight", f"head.{layer}.bias"]
    return tables, head


def tensor_shapes(config):
    """The shapes of those tensors, in the same order."""
    fields = config["item_fields"] + config["user_fields"]
    width = config["embedding_dim"]
    shapes = [(2 if f["kind"] == "numeric" else f["size"], width) for f in fields]
    inputs = len(fields) * width
    for out in config["hidden"] + [1]:
        shapes += [(out, inputs), (out,)]
        inputs = out
    return shapes


def rates_per_tensor(config):
    """The local learning rate of each head tensor."""
    rate = config["local"]["rate"]
    _, head = tensor_names(config)
    return [float(rate[name] if isinstance(rate, dict) else rate) for name in head]


def field_embedding(field, table, value):
    """What one field's value (None or [] when missing) becomes."""
    if field["kind"] == "numeric":
        if value is None:
            return table[1].copy()
        return (value - field["mean"]) / field["std"] * table[0] + table[1]
    if field["kind"] == "one":
        rows = [] if value is None else [value]
    else:
        rows = list(value)
    if not rows:
        rows = range(field["size"])
    total = np.zeros(table.shape[1])
    count = 0
    for row in rows:
        total += table[row]
        count += 1
    return total / count


def inputs(config, tables, items, profile):
    """[items, inputs]: each item's embeddings, then the user's."""
    item_fields, user_fields = config["item_fields"], config["user_fields"]
    user = [
        field_embedding(field, table, value)
        for field, table, value in zip(user_fields, tables[len(item_fields):], profile, strict=True)
    ]
    rows = []
    for values in items:
        item = [
            field_embedding(field, table, value)
            for field, table, value in zip(item_fields, tables, values)
        ]
        rows.append(np.concatenate(item + user))
    return np.array(rows)


def forward(head, x):
    """Every layer's input, every hidden layer's pre-activations, and the outputs."""
    activations, hidden = [x], []
    for k in range(0, len(head), 2):
        z = activations[-1] @ head[k].T + head[k + 1]
        if k + 2 < len(head):
            hidden.append(z)
            activations.append(np.where(z > 0, z, 0.0))
    return activations, hidden, z[:, 0]


def targets(config, ratings):
    ratings = np.asarray(ratings, dtype=np.float64)
    if config["loss"] == "bce":
        return ratings
    return (ratings - config["output"]["offset"]) / config["output"]["scale"]


def losses(loss, outputs, target):
    """One loss for each row."""
    if loss == "mse":
        return (outputs - target) ** 2
    if loss == "smooth_l1":
        error = np.abs(outputs - target)
        return np.where(error < 1.0, 0.5 * error**2, error - 0.5)
    return np.logaddexp(0.0, outputs) - target * outputs


def loss_slopes(loss, outputs, target):
    """The derivative of each row's loss by its output."""
    if loss == "mse":
        return 2.0 * (outputs - target)
    if loss == "smooth_l1":
        return np.clip(outputs - target, -1.0, 1.0)
    return 1.0 / (1.0 + np.exp(-outputs)) - target


def scores(config, outputs):
    if config["loss"] == "bce":
        return 1.0 / (1.0 + np.exp(-outputs))
    return config["output"]["offset"] + config["output"]["scale"] * outputs


def deltas(head, hidden, slopes):
    """By layer, first to last: the derivative of the rows' objective by pre-activation."""
    found = [slopes[:, None]]
    for layer in range(len(hidden) - 1, -1, -1):
        found.append((found[-1] @ head[2 * layer + 2]) * (hidden[layer] > 0))
    return found[::-1]


def head_gradient(head, x, target, loss, offsets=0.0):
    """The gradient of the mean loss, tensor by tensor."""
    activations, hidden, outputs = forward(head, x)
    slopes = loss_slopes(loss, outputs + offsets, target) / len(target)
    gradient = []
    for delta, below in zip(deltas(head, hidden, slopes), activations, strict=True):
        gradient += [delta.T @ below, delta.sum(axis=0)]
    return gradient


def output_gradient_norms(head, x):
    """For each row, the squared norm over all head tensors of the output's gradient."""
    activations, hidden, outputs = forward(head, x)
    total = np.zeros(len(x))
    for delta, below in zip(deltas(head, hidden, np.ones_like(outputs)), activations, strict=True):
        total += (delta**2).sum(axis=1) * ((below**2).sum(axis=1) + 1.0)
    return total


def adapt(head, x, target, loss, rates, steps, pull=0.0, offsets=0.0):
    """The heads before, between and after the local steps: steps + 1 of them."""
    heads = [head]
    count = len(target)
    for _ in range(steps if count else 0):
        gradient = head_gradient(heads[-1], x, target, loss, offsets)
        step, back = count / (count + pull), pull / (count + pull)
        heads.append([
            p - step * r * g - back * (p - start)
            for p, r, g, start in zip(heads[-1], rates, gradient, head, strict=True)
        ])
    return heads
