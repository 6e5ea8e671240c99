"""What was measured, as JSON, as a Markdown table and as a plot; and in docs/speed.md."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).parent / "results"
BEGIN, END = "<!-- peers: written by benches/peers/run.sh --publish -->\n", "<!-- peers: end -->\n"


def row(work, unit, scale, times):
    return {"work": work, "unit": unit, "scale": scale, "peers": times}


def constant(values):
    """Numbers that are no times, in the place of some."""
    return {name: {"median": value, "minimum": value, "runs": 1} for name, value in values.items()}


def value(row, peer):
    found = row["peers"].get(peer)
    return found and found["median"] * row["scale"]


def digits(number):
    """Three of them, but all that stand before the point."""
    if number is None:
        return "–"
    places = 0 if number >= 100 else 1 if number >= 10 else 2
    return f"{number:,.{places}f}"


def names(results):
    return list(dict.fromkeys(peer for row in results["rows"] for peer in row["peers"]))


def table(results):
    peers = names(results)
    lines = ["| " + " | ".join(["", *peers]) + " |", "| --- " + "| ---: " * len(peers) + "|"]
    for row in results["rows"]:
        best = min(value(row, peer) for peer in row["peers"])
        cells = [f"{row['work']}, {row['unit']}"]
        for peer in peers:
            number = value(row, peer)
            cells.append(f"**{digits(number)}**" if number == best else digits(number))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def plot(results, path):
    import matplotlib

    matplotlib.use("svg")
    # The same numbers give the same file; text stays text.
    matplotlib.rcParams |= {"svg.hashsalt": "melu", "svg.fonttype": "none", "font.size": 9}
    from matplotlib import pyplot

    peers, rows = names(results), results["rows"]
    columns = 3
    height = -(-len(rows) // columns)
    figure, axes = pyplot.subplots(height, columns, figsize=(11, 1.55 * height), squeeze=False)
    for axis in axes.flat[len(rows) :]:
        axis.remove()
    for row, axis in zip(rows, axes.flat):
        values = [value(row, peer) for peer in peers]
        known = [number for number in values if number is not None]
        # Bars begin at the decade below the least.
        least, most = min(known) / 3, max(known)
        for place, (peer, number) in enumerate(zip(peers, values)):
            colour = "#d1495b" if peer == "melu" else "#8d99ae"
            if number is not None:
                axis.barh(place, number - least, left=least, color=colour, height=0.75)
            weight = "bold" if peer == "melu" else "normal"
            at = least if number is None else number
            axis.text(at, place, " " + digits(number), va="center", fontsize=8, weight=weight)
        axis.set_xscale("log")
        axis.set_xlim(least, most * (most / least) ** 0.22)
        axis.set_title(f"{row['work']}, {row['unit']}", fontsize=9, loc="left")
        axis.set_yticks(range(len(peers)), peers, fontsize=8)
        axis.get_yticklabels()[peers.index("melu")].set_weight("bold")
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


def description(results):
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    return (
        f"Measured {results['date']} on one core of an {results['processor']} by "
        f"`{results['command']}`; medians, less is better. {versions}. melu is called by "
        f"ctypes, which costs {results['ctypes_call'] * 1e6:.1f} µs a call; its meta-gradients "
        f"and norms by Rust. Python alone starts in {results['python_alone'] * 1e3:.0f} ms.\n"
    )


def write(results, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    text = table(results) + "\n" + description(results)
    (folder / "table.md").write_text(text)
    plot(results, folder / "plot.svg")
    print(text)


def write_document(results):
    """The part of docs/speed.md between two marks."""
    path = ROOT / "docs/speed.md"
    before, rest = path.read_text().split(BEGIN)
    after = rest.split(END)[1]
    plot = "![each work's time in each library](../benches/peers/results/plot.svg)\n"
    text = "\n".join(["", table(results), description(results), plot, ""])
    path.write_text(before + BEGIN + text + END + after)
