#!/usr/bin/env python3
"""Compares the table of docs/platforms.md with what tests/platforms.sh found, or renews it.

    tests/platforms/table.py FOLDER [--write]

FOLDER has a file for each platform that was run: its kernels, what was run and the library's
size, a line each. Rows of others, and the first and the last column, stay as they are. Without
`--write` the page must say the same; sizes may differ by a tenth.

README.md has the same table in short, one line for all platforms where the same was run. That is
made of the page, and compared with it, whatever was run.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "platforms.md"
README = ROOT / "README.md"
MARK = "<!-- platforms -->\n\n"
NAME, KERNELS, RUN, SIZE = range(4)


def kilobytes(size):
    return f"{round(int(size) / 1000)} KB" if size else ""


def differs(cell, found, column):
    if column != SIZE:
        # The processor's best levels may be missing where this runs.
        return set(found.split(", ")) - set(cell.split(", ")) if column == KERNELS else cell != found
    sizes = [int(text.split()[0]) if text else 0 for text in (cell, found)]
    return abs(sizes[0] - sizes[1]) * 10 > max(sizes)


class Table:
    """A file's table behind the mark."""

    def __init__(self, path):
        self.path = path
        self.text = path.read_text()
        self.begin = self.text.index(MARK) + len(MARK)
        self.end = self.text.index("\n\n", self.begin)
        lines = self.text[self.begin : self.end].split("\n")
        self.rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]

    def write(self):
        lines = [re.sub(r"\|  (?=\|)", "| ", "| " + " | ".join(cells) + " |") for cells in self.rows]
        self.path.write_text(self.text[: self.begin] + "\n".join(lines) + self.text[self.end :])


def short(rows):
    """README's rows: what was run, and the platforms that it was run on."""
    platforms = {}
    for cells in rows[2:]:
        # Without the name in the script.
        platforms.setdefault(cells[RUN], []).append(cells[NAME].split(":")[0])
    return [["what was run", "where"], ["---", "---"]] + [
        [run, "; ".join(names)] for run, names in platforms.items()
    ]


def main():
    folder = pathlib.Path(sys.argv[1])
    page, readme = Table(PAGE), Table(README)
    found = {file.name: file.read_text().split("\n")[:3] for file in folder.iterdir()}
    differences = []
    for cells in page.rows:
        # A row is known by the name in the script, in code: `arm64`.
        name = re.search(r"`([^`]+)`", cells[NAME])
        values = found.pop(name[1], None) if name else None
        if values:
            values[2] = kilobytes(values[2])
            for column, value in enumerate(values, KERNELS):
                if differs(cells[column], value, column):
                    differences.append(f'{name[1]}: "{cells[column]}" is "{value}" now')
            cells[KERNELS : SIZE + 1] = values
    if found:
        sys.exit(f"table.py: {PAGE} has no row for {', '.join(found)}")
    if readme.rows != short(page.rows):
        differences.append("README.md: not what docs/platforms.md says in short")
    readme.rows = short(page.rows)
    if sys.argv[2:] == ["--write"]:
        page.write()
        readme.write()
    elif differences:
        sys.exit("table.py: the tables differ; --write renews them:\n" + "\n".join(differences))


main()
