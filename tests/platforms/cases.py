#!/usr/bin/env python3
"""Prints tests/golden/everywhere.json as tables in C, for smoke.c. tests/everywhere.rs says what
the file has.

    tests/platforms/cases.py >golden.h
"""

import json
import pathlib

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "everywhere.json"
OPTIONS = {
    "new_items", "add_neighbours", "keep_rated", "min_raters", "popularity_discount",
}  # fmt: skip
KINDS = {"name": "MELU_VALUE_NAME", "index": "MELU_VALUE_INDEX", "number": "MELU_VALUE_NUMBER"}


def number(value):
    return "NAN" if value is None else f"{float(value)!r}f"


def text(value):
    return f"{{{json.dumps(value)}, {len(value.encode())}}}"


class Tables:
    """Arrays with names of their own."""

    def __init__(self):
        self.count = 0

    def array(self, kind, elements):
        """Its name and length; NULL for an empty one, which C has not."""
        if not elements:
            return "NULL, 0"
        self.count += 1
        name = f"table_{self.count}"
        print(f"static const {kind} {name}[] = {{{', '.join(elements)}}};")
        return f"{name}, {len(elements)}"

    def numbers(self, values):
        return self.array("float", [number(value) for value in values or []])

    def indices(self, values):
        return self.array("uint32_t", [str(value) for value in values or []])


def options(tables, given):
    given = dict(given)
    members = [".struct_size = sizeof(melu_recommend_options)"]
    members.append(tables.indices(given.pop("leave_out", None)))
    among = given.pop("among", None)
    members.append(tables.indices(among))
    found = [f".{name} = {json.dumps(given.pop(name)).replace('true', '1')}" for name in sorted(OPTIONS & set(given))]
    if given.pop("order", None):
        found.append(".order = MELU_ORDER_RATING")
    if given.pop("only_even", None):
        found.append(".filter = even")
    assert not given, f"options that this program does not know: {given}"
    return "{" + ", ".join(members + found) + "}"


def profile(tables, values):
    elements = []
    for value in values:
        kind = next(kind for kind in KINDS if kind in value)
        found = {"name": text(""), "index": "0", "number": "0"}
        found[kind] = {"name": text, "index": str, "number": number}[kind](value[kind])
        elements.append(f"{{{text(value['field'])}, {KINDS[kind]}, {found['index']}, {found['name']}, {found['number']}}}")
    return tables.array("melu_value", elements)


def user(tables, model, given):
    best = [
        f"{{{found['item']}, {', '.join(number(found.get(name)) for name in ('score', 'rating', 'deviation'))}}}"
        for found in given["best"]
    ]
    question = given["question"]
    saved = [f"0x{byte:02x}" for byte in bytes.fromhex(given["saved"])]
    members = [
        json.dumps(model["file"]),
        str(model["items"]),
        profile(tables, given["profile"]),
        tables.indices(item for item, _ in given["answers"]),
        tables.numbers(rating for _, rating in given["answers"]),
        tables.indices(given["unknown"]),
        str(given["count"]),
        options(tables, given["options"]),
        tables.numbers(given["scores"]),
        tables.numbers(given.get("predicted")),
        tables.numbers(given.get("predicted_deviations")),
        tables.numbers(given.get("vector")),
        tables.array("melu_recommendation", best),
        "1" if question else "0",
        f"{{{question['item']}, {number(question['known'])}, {number(question['reduction'])}}}" if question else "{0, 0, 0}",
        tables.array("uint8_t", saved),
    ]
    return "{" + ", ".join(members) + "}"


def main():
    golden = json.loads(GOLDEN.read_text())
    tables = Tables()
    users = [user(tables, model, given) for model in golden["models"] for given in model["users"]]
    assert users
    print(f"static const double TOLERANCE = {golden['tolerance']};")
    print("static const struct user USERS[] = {")
    print(",\n".join(users))
    print("};")


main()
