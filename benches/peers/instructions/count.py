"""Instructions of adapting to 20 answers and recommending 20 items: melu, ONNX Runtime and LiteRT.

callgrind counts those of calls that follow others. See benches/peers/README.md.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np

sys.path.insert(1, str(Path(__file__).parents[1]))
import graphs
import melu
import report
from lists.world import MODELS, SMALL, Vectors, World

HERE = Path(__file__).parent
FOLDER = melu.TARGET / "peers" / "instructions"
RESULTS = report.RESULTS / "instructions"
MARK = "peers, instructions: written by benches/peers/instructions.sh --publish"
USERS, CALLS = 64, 256


def prepare():
    """The vectors of the model without neighbours and ratings, users' answers, and the program."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    np.save(FOLDER / "rows.npy", Vectors(SMALL).rows)
    given, _ = World().with_answers(graphs.GIVEN, USERS)
    both = [np.stack([items, ratings.view(np.uint32)]) for items, ratings in given]
    np.stack(both).tofile(FOLDER / "answers")
    prefix = melu.LIBRARY.parents[1]
    linked = [f"-I{prefix}/include", f"-L{prefix}/lib", f"-Wl,-rpath,{prefix}/lib", "-lmelu"]
    subprocess.run(["cc", "-O2", HERE / "calls.c", "-o", FOLDER / "calls", *linked], check=True)
    shared = ["-shared", "-fPIC", HERE / "counting.c", "-o", FOLDER / "counting.so"]
    subprocess.run(["cc", "-O2", *shared], check=True)
    for runtime in graphs.RUNTIMES:
        graphs.check(runtime, FOLDER)


def counted(command, level=None):
    """Instructions of a call, of each part that the program has counted."""
    out = FOLDER / "callgrind"
    for old in FOLDER.glob("callgrind*"):
        old.unlink()
    environment = os.environ | ({"MELU_KERNEL": level} if level else {})
    valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no"]
    command = [*valgrind, f"--callgrind-out-file={out}", *command, CALLS]
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command}:\n{done.stdout}{done.stderr}")
    parts = sorted(FOLDER.glob("callgrind.*"), key=lambda part: int(part.suffix[1:]))
    totals = [re.search(r"^totals: (\d+)", part.read_text(), re.MULTILINE) for part in parts]
    return [int(total[1]) / CALLS for total in totals]


def measured():
    prepare()
    rows = []
    for work, name in [("lists as they are", "films"), ("vectors alone", "vector")]:
        for level in ("avx2", "portable"):
            model = MODELS / f"{name}-{SMALL}.melu"
            [count] = counted([FOLDER / "calls", model, FOLDER / "answers"], level)
            rows.append(("melu", f"{work}, {level}", count))
    for runtime in graphs.RUNTIMES:
        counts = counted([sys.executable, HERE / "graphs.py", runtime, FOLDER])
        works = graphs.GRAPHS.values()
        rows += [(runtime, work, count) for work, count in zip(works, counts, strict=True)]
    packages = ("onnxruntime", "ai-edge-litert")
    valgrind = subprocess.run(["valgrind", "--version"], capture_output=True, text=True).stdout
    return {
        "date": date.today().isoformat(),
        "machine": platform.machine(),
        "valgrind": valgrind.strip().removeprefix("valgrind-"),
        "versions": {package: importlib.metadata.version(package) for package in packages},
        "rows": rows,
    }


def text(results):
    lines = ["| | | instructions a call |", "| --- | --- | ---: |"]
    for runtime, work, count in results["rows"]:
        lines.append(f"| {runtime} | {work} | {count:,.0f} |")
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    return (
        "\n".join(lines) + f"\n\nCounted {results['date']} on {results['machine']} by "
        f"`benches/peers/instructions.sh --publish`: valgrind {results['valgrind']}, {versions}.\n"
    )


def main():
    parser = argparse.ArgumentParser(prog="benches/peers/instructions.sh", description=__doc__)
    parser.add_argument(
        "--publish", action="store_true", help="write results/ and docs/platforms.md anew"
    )
    given = parser.parse_args()
    results = measured()
    print(text(results))
    folder = RESULTS if given.publish else melu.TARGET / "peers" / "results" / "instructions"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    if given.publish:
        report.between_marks("docs/platforms.md", MARK, "\n" + text(results) + "\n")


if __name__ == "__main__":
    main()
