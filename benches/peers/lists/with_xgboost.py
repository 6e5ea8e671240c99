"""XGBoost: its C function for a matrix in place, by ctypes."""

import json
from ctypes import POINTER, byref, c_float, c_uint64

import numpy as np
import xgboost
from xgboost.core import _LIB

from lists.trees import TREES, Trees


class Peer(Trees):
    packages = ["xgboost-cpu"]

    def train(self, rows, chosen):
        options = {"objective": "binary:logistic", "nthread": 1, "max_depth": 5}
        self.booster = xgboost.train(options, xgboost.DMatrix(rows, chosen, nthread=1), TREES)

    def score(self, vectors, answers):
        rows = self.rows(vectors.items)
        values = json.dumps(rows.__array_interface__ | {"stream": None}).encode()
        settings = {"type": 0, "training": False, "iteration_begin": 0, "iteration_end": 0}
        settings = json.dumps(settings | {"missing": float("nan"), "strict_shape": False}).encode()
        shape, length, scores = POINTER(c_uint64)(), c_uint64(), POINTER(c_float)()
        booster = self.booster.handle

        def call():
            status = _LIB.XGBoosterPredictFromDense(
                booster, values, settings, None, byref(shape), byref(length), byref(scores)
            )
            assert status == 0
            return scores

        # The numbers are the booster's own, and there until the next call.
        return lambda: np.ctypeslib.as_array(call(), (vectors.items,))
