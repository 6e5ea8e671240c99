"""A process that opens a million items and finds the best 20 for one user.

    start.py PEER FILE USER     USER is an .npz with `vector`, `items` and `ratings`

Prints the seconds from opening to the first list, and the bytes of memory that are this
process's alone: what was written to, and no page of a file.
"""

import sys
import time
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])

import numpy as np


def own_memory():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("Private_Dirty")))


def with_melu(file):
    from types import SimpleNamespace

    import melu
    from lists.with_melu import Peer
    from lists.world import Answers

    def call(user):
        peer = Peer(None)
        size = SimpleNamespace(items=1)
        peer.catalogs = {1: melu.open_catalog(file)}
        # Kept, so that its memory is counted.
        call.list = peer.recommend(size, Answers(user["items"], user["ratings"]), 20)()

    return call


def with_faiss(file):
    import faiss

    def call(user):
        call.index = faiss.read_index(str(file))
        call.index.search(user["vector"][None], 20)

    return call


def with_numpy(file):
    from lists.with_numpy import best_of

    def call(user):
        best_of(np.load(file, mmap_mode="r") @ user["vector"], 20)

    return call


def main(peer, file, user):
    user = dict(np.load(user))
    call = {"melu": with_melu, "faiss": with_faiss, "numpy": with_numpy}[peer](Path(file))
    before = own_memory()
    begin = time.perf_counter()
    call(user)
    seconds = time.perf_counter() - begin
    print(seconds, own_memory() - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
