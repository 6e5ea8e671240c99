#!/usr/bin/env python3
"""What the same work costs from C, C++ and Go, in one run.

Installs the library into the build folder, builds the benchmarks of bindings/cpp and
bindings/go on it, and lets them take turns, so that a busy machine is busy for all. Each
number is the shortest of all rounds, and each sample is the mean over some milliseconds.

Needs cargo, a C++ compiler, CMake, pkg-config, Google Benchmark and Go.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Benchmark in C++, in Go, how many users one turn of it serves, and what it is.
WORKS = [
    ("call", "Call", 1, "a call that has nothing to do"),
    ("adapt", "Adapt", 1, "adapt to 20 ratings"),
    ("score", "Score", 1, "score 20 items"),
    ("score_all", "ScoreAll", 1, "score all items"),
    ("recommend", "Recommend", 1, "recommend 20 items"),
    ("one_by_one", "OneByOne", 256, "adapt and recommend, one user by one"),
    ("batch", "Batch", 256, "adapt and recommend, 256 users a batch"),
]


def run(command, **options):
    """Runs what must succeed, and returns what it printed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"compare.py: {' '.join(map(str, command))} failed\n{done.stdout}")
    return done.stdout


def build():
    """The benchmark programs, and the environment that they and their builds need."""
    folder = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve() / "compare"
    prefix = folder / "installed"
    run([ROOT / "bindings/c/install.sh", "--prefix", prefix])
    run(["cmake", "-S", ROOT / "bindings/cpp/benchmarks", "-B", folder / "cpp",
         f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Release"])
    run(["cmake", "--build", folder / "cpp"])
    environment = dict(
        os.environ,
        PKG_CONFIG_PATH=f"{prefix}/lib/pkgconfig",
        LD_LIBRARY_PATH=f"{prefix}/lib",
    )
    run(["go", "test", "-c", "-o", folder / "go.test", "."],
        cwd=ROOT / "bindings/go", env=environment)
    return folder / "cpp/melu_benchmark", folder / "go.test", environment


def sample_cpp(program, model, work, seconds, environment):
    """Nanoseconds a turn, in C and in C++."""
    said = json.loads(run(
        [program, model, f"--benchmark_filter=^{work}_(c|cpp)$", "--benchmark_format=json",
         f"--benchmark_min_time={seconds}"],
        env=environment, stderr=subprocess.DEVNULL,
    ))
    units = {"ns": 1, "us": 1e3, "ms": 1e6}
    times = {each["name"]: each["real_time"] * units[each["time_unit"]]
             for each in said["benchmarks"]}
    return times[f"{work}_c"], times[f"{work}_cpp"]


def sample_go(program, work, seconds, environment):
    """Nanoseconds and allocations a turn."""
    said = run(
        [program, "-test.run=^$", f"-test.bench=^Benchmark{work}$",
         f"-test.benchtime={seconds}s"],
        cwd=ROOT / "bindings/go", env=environment,
    )
    found = re.search(r"\s([\d.]+) ns/op.*\s(\d+) allocs/op", said)
    if not found:
        sys.exit(f"compare.py: Benchmark{work} did not say how long it took\n{said}")
    return float(found[1]), int(found[2])


def measure(model, rounds, seconds):
    """A row for each work."""
    cpp, go, environment = build()
    environment["MELU_MODEL"] = str(model)
    samples = {work: [] for work, *_ in WORKS}
    for _ in range(rounds):
        for work, in_go, *_ in WORKS:
            in_c, in_cpp = sample_cpp(cpp, model, work, seconds, environment)
            samples[work].append((in_c, in_cpp, *sample_go(go, in_go, seconds, environment)))
    return [
        {
            "work": name,
            "c_ns": min(c) / users,
            "cpp_ns": min(cpp) / users,
            "go_ns": min(go) / users,
            "go_allocations": min(allocations),
        }
        for work, _, users, name in WORKS
        for c, cpp, go, allocations in [zip(*samples[work])]
    ]


def table(rows):
    """The rows as Markdown; what is served by calls for one user each is a time a user."""
    yield "| | C | C++ | Go | C++ / C | Go / C | allocations in Go |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for row in rows:
        c, cpp, go = row["c_ns"], row["cpp_ns"], row["go_ns"]
        times = " | ".join(f"{time:.0f} ns" if time < 1e3 else f"{time / 1e3:.2f} µs"
                           for time in (c, cpp, go))
        yield (f"| {row['work']} | {times} | {cpp / c:.3f} | {go / c:.3f} "
               f"| {row['go_allocations']} |")


def processor():
    """What the system calls the processor."""
    try:
        named = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    except OSError:
        named = None
    return named[1] if named else platform.processor() or platform.machine()


def main():
    """Measures, and prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("model", type=pathlib.Path, help="a weight file with a catalogue")
    parser.add_argument("--rounds", type=int, default=30, help="turns of each (default 30)")
    parser.add_argument("--seconds", type=float, default=0.02,
                        help="how long a sample takes (default 0.02)")
    parser.add_argument("--json", action="store_true", help="one object in place of a table")
    given = parser.parse_args()
    rows = measure(given.model.resolve(strict=True), given.rounds, given.seconds)
    if given.json:
        print(json.dumps({"processor": processor(), "rounds": given.rounds, "rows": rows}))
        return
    print(f"{processor()}; the shortest of {given.rounds} rounds; times are for one user")
    print(*table(rows), sep="\n")


if __name__ == "__main__":
    main()
