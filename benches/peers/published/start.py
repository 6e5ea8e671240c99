"""One peer from nothing to its first recommendation, in a process of its own.

    start.py PEER FILES     PEER is a module beside this one, FILES what suite.py left there
"""

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace

sys.path[0] = str(Path(__file__).parents[1])


def main(module, files):
    files = Path(files)
    given = json.loads((files / "start.json").read_text())
    if module == "with_melu":
        world, user = SimpleNamespace(items=given["items"]), SimpleNamespace(**given["user"])
    else:
        import numpy as np

        from published.world import Head, User

        load = lambda name: np.load(files / f"start-{name}.npy")
        head = Head(*map(load, Head._fields))
        world = SimpleNamespace(items=given["items"], table=load("table"), head=head)
        items, ratings = np.array(given["user"]["items"]), given["user"]["ratings"]
        ratings = np.array(ratings, np.float32)
        user = User(items, ratings, None, None, head, np.float32(given["weight"]))
    peer = importlib.import_module(f"published.{module}").Peer(world, files)
    found = peer.recommend(user, 1, given["count"])()
    items, _ = peer.items_and_scores(found)
    print(int(items[0]), flush=True)
    # For the parent's clock the work ends with that line; the rest is memory.
    status = Path("/proc/self/status").read_text().splitlines()
    print(next(line.split()[1] for line in status if line.startswith("VmHWM:")))


main(*sys.argv[1:])
