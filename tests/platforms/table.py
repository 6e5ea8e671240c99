#!/usr/bin/env python3
"""Compares the table of docs/platforms.md with what tests/platforms.sh found, or renews it.

    tests/platforms/table.py FOLDER [--write]

FOLDER has a file for each platform that was run: its kernels, what was run and the library's
size, a line each. Rows of others, and the first and the last column, stay as they are. Without
`--write` the page must say the same; sizes may differ by a tenth.
"""

import pathlib
import re
import sys

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "platforms.md"
MARK = "<!-- platforms -->\n\n"
KERNELS, RUN, SIZE = 1, 2, 3


def kilobytes(size):
    return f"{round(int(size) / 1000)} KB" if size else ""


def differs(cell, found, column):
    if column != SIZE:
        # The processor's best levels may be missing where this runs.
        return set(found.split(", ")) - set(cell.split(", ")) if column == KERNELS else cell != found
    sizes = [int(text.split()[0]) if text else 0 for text in (cell, found)]
    return abs(sizes[0] - sizes[1]) * 10 > max(sizes)


def main():
    folder = pathlib.Path(sys.argv[1])
    write = sys.argv[2:] == ["--write"]
    text = PAGE.read_text()
    begin = text.index(MARK) + len(MARK)
    end = text.index("\n\n", begin)
    found = {file.name: file.read_text().split("\n")[:3] for file in folder.iterdir()}
    rows, differences = [], []
    for row in text[begin:end].split("\n"):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        # A row is known by the name in the script, in code: `arm64`.
        name = re.search(r"`([^`]+)`", cells[0])
        values = found.pop(name[1], None) if name else None
        if values:
            values[2] = kilobytes(values[2])
            for column, value in enumerate(values, 1):
                if differs(cells[column], value, column):
                    differences.append(f"{name[1]}: \"{cells[column]}\" is \"{value}\" now")
            cells[1:4] = values
            row = "| " + " | ".join(cells) + " |"
            row = row.replace("|  |", "| |").replace("|  |", "| |")
        rows.append(row)
    if found:
        sys.exit(f"table.py: {PAGE} has no row for {', '.join(found)}")
    if write:
        PAGE.write_text(text[:begin] + "\n".join(rows) + text[end:])
    elif differences:
        sys.exit("table.py: docs/platforms.md differs; --write renews it:\n" + "\n".join(differences))


main()
