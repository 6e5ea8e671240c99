"""What was measured, as JSON, as Markdown tables and as a plot; and in docs/speed.md.

Of a suite it uses `TABLES`, lists of peers that stand beside each other, and `description`.
"""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).parent / "results"


def constant(values):
    """Numbers that are no times, in the place of some."""
    return {name: {"median": value, "minimum": value, "runs": 1} for name, value in values.items()}


def value(row, peer, which="median"):
    found = row["peers"].get(peer)
    return found and found[which] * row["scale"]


def digits(number):
    """Three of them, but all that stand before the point."""
    if number is None:
        return "–"
    places = 0 if number >= 100 else 1 if number >= 10 else 2
    return f"{number:,.{places}f}"


def rows_of(results, peers):
    """The rows in which more than one of them has a number, and the peers that have one."""
    has = lambda row, peer: row["peers"].get(peer) is not None
    rows = [row for row in results["rows"] if sum(has(row, peer) for peer in peers) > 1]
    return rows, [peer for peer in peers if any(has(row, peer) for row in rows)]


def table(results, peers):
    rows, peers = rows_of(results, peers)
    lines = ["| " + " | ".join(["", *peers]) + " |", "| --- " + "| ---: " * len(peers) + "|"]
    for row in rows:
        best = min(value(row, peer) for peer in peers if row["peers"].get(peer))
        cells = [f"{row['work']}, {row['unit']}"]
        for peer in peers:
            number = value(row, peer)
            cells.append(f"**{digits(number)}**" if number == best else digits(number))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def pyplot():
    import matplotlib

    matplotlib.use("svg")
    # The same numbers give the same file; text stays text.
    matplotlib.rcParams |= {"svg.hashsalt": "melu", "svg.fonttype": "none", "font.size": 9}
    from matplotlib import pyplot

    return pyplot


def plot(results, path):
    rows, columns = results["rows"], 3
    height = -(-len(rows) // columns)
    figure, axes = pyplot().subplots(height, columns, figsize=(11, 1.55 * height), squeeze=False)
    for axis in axes.flat[len(rows) :]:
        axis.remove()
    for row, axis in zip(rows, axes.flat):
        peers = list(row["peers"])
        values = [value(row, peer) for peer in peers]
        # Bars begin at the decade below the least.
        least, most = min(values) / 3, max(values)
        for place, (peer, number) in enumerate(zip(peers, values)):
            own = peer.startswith("melu")
            colour = "#d1495b" if own else "#8d99ae"
            axis.barh(place, number - least, left=least, color=colour, height=0.75)
            weight = "bold" if own else "normal"
            axis.text(number, place, " " + digits(number), va="center", fontsize=8, weight=weight)
        axis.set_xscale("log")
        axis.set_xlim(least, most * (most / least) ** 0.22)
        axis.set_title(f"{row['work']}, {row['unit']}", fontsize=9, loc="left")
        axis.set_yticks(range(len(peers)), peers, fontsize=8)
        for label, peer in zip(axis.get_yticklabels(), peers):
            label.set_weight("bold" if peer.startswith("melu") else "normal")
        axis.invert_yaxis()
        axis.set_xticks([])
        axis.minorticks_off()
        axis.tick_params(left=False)
        for side in ("top", "right", "bottom"):
            axis.spines[side].set_visible(False)
    where = f"One core, {results['processor']}, {results['date']}"
    figure.suptitle(f"Less is better, on a logarithmic scale. {where}", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None}, facecolor="white")


def text(results, suite):
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    measured = (
        f"Measured {results['date']} on one core of an {results['processor']} by "
        f"`{results['command']}`; medians, less is better. {versions}. "
    )
    tables = [table(results, peers) for peers in suite.TABLES]
    return "\n".join([*tables, measured + suite.description(results) + "\n"])


def write(results, folder, suite):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    written = text(results, suite)
    (folder / "table.md").write_text(written)
    plot(results, folder / "plot.svg")
    print(written)


def write_document(results, name, suite):
    plot = f"![each work's time in each library](../benches/peers/results/{name}/plot.svg)\n"
    part = "\n".join(["", text(results, suite), plot, ""])
    between_marks(
        "docs/speed.md", f"peers, {name}: written by benches/peers/run.sh --publish", part
    )


def between_marks(document, mark, part):
    """Writes the part of a document between `<!-- mark -->` and `<!-- end -->`."""
    path = ROOT / document
    before, begin, rest = path.read_text().partition(f"<!-- {mark} -->\n")
    _, end, after = rest.partition("<!-- end -->\n")
    if not begin or not end:
        raise ValueError(f"{document} has no marks for {mark!r}")
    path.write_text(before + begin + part + end + after)
