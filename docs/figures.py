#!/usr/bin/env python3
"""Renews the tables of docs/accuracy.md that the present program makes, or compares them.

    MELU_DATA=FOLDER docs/figures.py --check

FOLDER is a data folder of MovieLens 1M with the paper's split, and beside it lies the folder
`lastfm`. Without `--check` the tables are written. They follow comments such as
`<!-- figures: lists of MovieLens 1M -->`. The training of three seeds and their evaluation take
some 15 minutes of two cores; `--keep FOLDER` keeps weight files and results, and uses those that
it finds. What is measured otherwise, by earlier programs or on splits inside the training part,
says so on the page, and is not renewed. tests/readme.rs compares the demo's table, and
tests/documents.rs whether README.md has other figures than docs/accuracy.md.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

PAGE = pathlib.Path(__file__).parent / "accuracy.md"
SEEDS = (0, 1, 2)

# How far a figure may be from a new one. Seeds move the figures of lists by .004, and those of
# predicted ratings by .001; other instructions of the processor act as another seed.
LISTS, RATINGS = 0.004, 0.0015

PREDICTORS = {
    "melu": "melu",
    "EASE": "ease",
    "iALS": "ials",
    "item-kNN": "item_knn",
    "most popular": "popular",
    "content": "content",
    "item mean + user bias": "item_mean_user_bias",
    "factor model alone": "factors",
}


class Results:
    """What `melu eval` says of models that are trained when they are asked for."""

    def __init__(self, program, data, folder):
        self.program, self.data, self.folder = program, data, folder

    def __call__(self, name, seed):
        file = self.folder / f"{name}-{seed}.json"
        if not file.exists():
            model = self.folder / f"{name}-{seed}.melu"
            if not model.exists():
                print(f"training {model.name}", file=sys.stderr)
                self.run("train", self.data[name], "-o", model, "--seed", str(seed))
            print(f"evaluating {model.name}", file=sys.stderr)
            file.write_text(self.run("eval", model, self.data[name], "--json"))
        return json.loads(file.read_text())

    def run(self, *arguments):
        done = subprocess.run([self.program, *arguments], stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout


def given(column):
    return None if column.startswith("all") else int(column)


def row_of(part, predictor, column):
    """The row of a part of the result; all answers given is the last of a predictor's rows."""
    rows = [row for row in part["rows"] if row["predictor"] == predictor]
    wanted = given(column)
    return rows[-1] if wanted is None else next(row for row in rows if row["given"] == wanted)


def lists(result):
    """A table of lists: a row for each predictor, and one of new items among new ones."""

    def figure(row, group, column):
        label, _, new = row.partition(":")
        wanted = ("new_users_new_items", "new") if new else ("new_users", "known")
        part = next(part for part in result["rankings"] if (part["name"], part["among"]) == wanted)
        return row_of(part, PREDICTORS[label], column)["ndcg20"]

    return figure


def new_items(result):
    figure = lists(result)
    return lambda row, group, column: figure(row + ":new", group, column)


def ratings(results):
    """The table of predicted ratings: groups of rows begin with the scenario's name in bold."""
    scenarios = {"new users": "new_users", "new items": "new_items", "both new": "new_users_new_items"}

    def figure(row, group, column):
        measure = "ndcg3" if column.startswith("nDCG@3") else "mae"
        column = column.removeprefix("nDCG@3, ")
        predictor = PREDICTORS.get(row, "melu")
        found = []
        for result in results:
            part = next(part for part in result["scenarios"] if part["name"] == scenarios[group])
            found.append(row_of(part, predictor, column)[measure])
        return statistics.mean(found)

    return figure


def shown(value):
    return f"{value:.3f}".removeprefix("0")


def renew(text, name, figure, tolerance):
    """The page with a table's figures anew, and the differences beyond the tolerance."""
    mark = f"<!-- figures: {name} -->\n\n"
    begin = text.index(mark) + len(mark)
    end = text.index("\n\n", begin)
    header, line, *rows = text[begin:end].split("\n")
    columns = [cell.strip() for cell in header.strip("|").split("|")][1:]
    differences, group, new_rows = [], None, []
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        label = cells[0].strip("*")
        group = label if cells[0].startswith("**") else group
        for place, column in enumerate(columns, 1):
            value = figure(label, group, column)
            old = float(re.search(r"\.\d+", cells[place])[0])
            if abs(old - value) > tolerance + 0.0005:
                differences.append(f"{name}, {label}, {column}: {shown(old)} is {shown(value)} now")
            cells[place] = re.sub(r"\.\d+", shown(value), cells[place])
        new_rows.append("| " + " | ".join(cells) + " |")
    return text[:begin] + "\n".join([header, line, *new_rows]) + text[end:], differences


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    parser.add_argument("--melu", default="melu", help="the program")
    parser.add_argument("--keep", type=pathlib.Path, help="a folder for weight files and results")
    arguments = parser.parse_args()
    if "MELU_DATA" not in os.environ:
        print("skipped: MELU_DATA does not name the folder of MovieLens 1M; nothing is compared")
        return 0
    movies = pathlib.Path(os.environ["MELU_DATA"])
    data = {"movielens": movies, "lastfm": movies.parent / "lastfm"}

    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        results = Results(arguments.melu, data, folder)
        tables = [
            ("lists of MovieLens 1M", LISTS, lambda: lists(results("movielens", 0))),
            ("new items of MovieLens 1M", LISTS, lambda: new_items(results("movielens", 0))),
            ("predicted ratings of MovieLens 1M", RATINGS,
             lambda: ratings([results("movielens", seed) for seed in SEEDS])),
        ]
        if data["lastfm"].exists():
            tables += [
                ("lists of Last.fm", LISTS, lambda: lists(results("lastfm", 0))),
                ("new items of Last.fm", LISTS, lambda: new_items(results("lastfm", 0))),
            ]
        else:
            print(f"skipped: there is no {data['lastfm']}")

        text, differences = PAGE.read_text(encoding="utf-8"), []
        for name, tolerance, figure in tables:
            text, found = renew(text, name, figure(), tolerance)
            differences += found
    for difference in differences:
        print(difference)
    if not arguments.check:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    print(f"{len(tables)} tables of {PAGE.name}: {len(differences)} figures differ")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
