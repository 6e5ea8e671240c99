"""Times, taken in turns so that what disturbs the machine disturbs all alike."""

import gc
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

ROUNDS = 15
HERE = Path(__file__).parent


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


def python_alone(rounds):
    """Seconds that Python needs to do nothing."""
    call = lambda: subprocess.run([sys.executable, "-c", ""], check=True)
    return min(seconds for _ in range(rounds) for seconds in times(call, 0))


def starts(modules, files, rounds):
    """From the start of a process to its first recommendation: the times, and the most
    memory in KiB."""
    found, memory, firsts = {name: [] for name in modules}, {}, set()
    for _ in range(rounds):
        for name, module in modules.items():
            command = [sys.executable, HERE / "start.py", module, files]
            begin = time.perf_counter()
            pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
            with subprocess.Popen(command, stdout=pipe, stderr=quiet, text=True) as process:
                firsts.add(process.stdout.readline())
                found[name].append(time.perf_counter() - begin)
                memory[name] = process.stdout.readline()
            if not memory[name]:
                raise RuntimeError(f"{name} did not start; try {' '.join(map(str, command))}")
    if len(firsts) > 1:
        raise RuntimeError(f"the first recommendations differ: items {', '.join(firsts)}")
    return {name: summary(times) for name, times in found.items()}, {
        name: int(kib) for name, kib in memory.items()
    }
