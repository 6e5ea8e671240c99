"""Times, taken in turns so that what disturbs the machine disturbs all alike."""

import gc
import sys
import time
from statistics import median

import numpy as np

ROUNDS = 15


def times(call, seconds):
    """How long each run takes, for so long or once."""
    if hasattr(call, "times"):
        return call.times(seconds)
    clock, found = time.perf_counter, []
    end = clock() + seconds
    while not found or clock() < end:
        start = clock()
        call()
        found.append(clock() - start)
    return found


def in_turns(calls, seconds):
    """Runs every peer's call for so long in all; a summary of seconds a run for each."""
    found = {name: [] for name in calls}
    names = list(calls)
    for call in calls.values():
        call()
    gc.collect()
    gc.disable()
    for turn in range(ROUNDS):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            found[name] += times(calls[name], seconds / ROUNDS)
    gc.enable()
    return {name: summary(runs) for name, runs in found.items()}


def summary(times):
    return {"median": median(times), "minimum": min(times), "runs": len(times)}


def run(work, peers, seconds, compare):
    """Prepares a work for all who can do it, has what they find compared, and times them."""
    print(work.name, file=sys.stderr)
    able = {name: peer for name, peer in peers.items() if getattr(peer, work.method, None)}
    calls = {name: work.prepare(peer) for name, peer in able.items()}
    calls = {name: call for name, call in calls.items() if call}
    found = {name: work.numbers(able[name], call()) for name, call in calls.items()}
    compare(found)
    return {
        "work": work.name,
        "unit": work.unit,
        "scale": work.scale,
        "peers": in_turns(calls, seconds) if seconds else {},
    }


def disagreement(found, expected):
    """The largest difference, as a share of the spread of what is expected."""
    worst = 0.0
    for pair in zip(found, expected, strict=True):
        one, other = (np.asarray(part, np.float64).ravel() for part in pair)
        if one.shape != other.shape or not np.isfinite(one).all():
            return np.inf
        spread = np.ptp(other) if other.size > 1 else abs(other[0])
        worst = max(worst, np.abs(one - other).max() / spread)
    return worst
