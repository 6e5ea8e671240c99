"""The speeds of this core that no program can exceed."""

import subprocess

import numpy as np

import measure
import melu

PROGRAM = melu.TARGET / "release" / "examples" / "peers_models"


def peak():
    """The most operations a second, by melu's kernel for it."""
    found = [subprocess.run([PROGRAM, "peak"], capture_output=True, check=True) for _ in range(5)]
    return max(float(run.stdout) for run in found) * 1e9


def reading(megabytes, seconds=0.5):
    """Bytes a second, over an array so large, again and again: a dot product with itself."""
    array = np.ones(megabytes * 250_000, np.float32)
    call = lambda: np.dot(array, array)
    call()
    return array.nbytes / min(measure.times(call, seconds))


def speeds():
    return {
        "operations": peak(),
        "memory": reading(512, 2),
        # Of as many bytes as 3,706 and 100,000 vectors of 64 have.
        "reading 1 MB": reading(1),
        "reading 26 MB": reading(26),
    }
