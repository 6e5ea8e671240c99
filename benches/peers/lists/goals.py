"""What melu must reach: so much of a peer's time in the same run, or of the time that the
speed of the memory or of multiplications allows."""

from typing import NamedTuple


class Goal(NamedTuple):
    tells: str  # the work
    most: float  # of the other's time, or seconds on the core for which the goals were set
    beside: str  # the peer, or what binds: "memory", "operations"; "" for what is no time
    less: str = ""  # a peer whose time is subtracted from melu's


# The core for which they were set; absolute goals move with the speed that binds.
SPEEDS = {"operations": 118e9, "memory": 24e9}
GOALS = [
    Goal("best of 3706", 14 / 26, "faiss"),
    Goal("best of 100000", 0.35 / 0.56, "faiss"),
    Goal("best of 1000000", 4.0 / 8.8, "faiss"),
    Goal("best of 1000000", 4.0e-3, "memory"),
    Goal("best of 3706", 8e-6, "operations", "melu, vectors alone"),
    Goal("adapt to 5", 1.4e-6, "operations"),
    Goal("adapt to 20", 4.0e-6, "operations"),
    Goal("adapt to 80", 16e-6, "operations"),
    Goal("adapt and recommend", 26 / 85, "implicit"),
    Goal("batch of 3706", 12 / 14.4, "PyTorch"),
    Goal("batch of 100000", 160 / 475, "PyTorch"),
    Goal("open", 30e-3, "memory"),
    Goal("memory", 5e6, ""),
]


def judged(rows, speeds, call):
    """Each goal as a row: work, what is allowed, what was found. `call` is what ctypes takes,
    which is no part of the work."""
    by_name = {row["tells"]: row for row in rows}
    for goal in GOALS:
        row = by_name.get(goal.tells)
        times = row and row["peers"]
        if not times or goal.beside not in ["", *times, *SPEEDS]:
            continue
        users = row["users"]
        time = lambda name: times[name]["median"] / users
        if goal.less:
            work = f"{row['work']}: what neighbours and predicted ratings add"
            found = time("melu") - time(goal.less)
        else:
            work, found = row["work"], time("melu") - (call / users if goal.beside else 0)
        if not goal.beside:
            allowed, beside = goal.most, ""
        elif goal.beside in times:
            allowed, beside = goal.most * time(goal.beside), goal.beside
        else:
            allowed = goal.most * SPEEDS[goal.beside] / speeds[goal.beside]
            beside = "the memory's speed" if goal.beside == "memory" else "the FMA peak"
        yield {
            "work": work,
            "beside": beside,
            "share": goal.most if goal.beside in times else None,
            "allowed": allowed,
            "found": found,
            "met": found <= allowed,
        }


def shown(number, beside):
    if not beside:
        return f"{number / 1e6:,.1f} MB"
    number *= 1e6
    return f"{number:,.1f} µs" if number < 1000 else f"{number / 1000:,.2f} ms"


def table(goals):
    lines = ["| work | goal | found | |", "| --- | --- | ---: | --- |"]
    for goal in goals:
        beside, share = goal["beside"], goal["share"]
        allowed = f"≤ {shown(goal['allowed'], beside)}"
        if beside:
            allowed += f", {share:.2f} of {beside}" if share else f", by {beside}"
        verdict = "met" if goal["met"] else "**missed**"
        lines.append(f"| {goal['work']} | {allowed} | {shown(goal['found'], beside)} | {verdict} |")
    return "\n".join(lines) + "\n"
