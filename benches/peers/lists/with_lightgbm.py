"""LightGBM: its C function for a matrix, by ctypes."""

import ctypes
from ctypes import byref, c_double, c_int64, c_void_p

import lightgbm
import numpy as np
from lightgbm.basic import _LIB

from lists.trees import TREES, Trees

FLOAT, NORMAL = 0, 0


class Peer(Trees):
    packages = ["lightgbm"]

    def train(self, rows, chosen):
        options = {"objective": "binary", "num_leaves": 31, "num_threads": 1, "verbose": -1}
        self.booster = lightgbm.train(options, lightgbm.Dataset(rows, chosen), TREES)

    def score(self, vectors, answers):
        rows, scores, length = self.rows(vectors.items), np.empty(vectors.items), c_int64()
        # The booster that was trained keeps what training needs.
        text, trained = self.booster.model_to_string().encode(), c_void_p()
        found = _LIB.LGBM_BoosterLoadModelFromString(text, byref(ctypes.c_int()), byref(trained))
        assert found == 0
        count, width = rows.shape
        at, out = c_void_p(rows.ctypes.data), scores.ctypes.data_as(ctypes.POINTER(c_double))

        def call():
            status = _LIB.LGBM_BoosterPredictForMat(
                trained,
                at,
                FLOAT,
                count,
                width,
                1,
                NORMAL,
                0,
                -1,
                b"num_threads=1",
                byref(length),
                out,
            )
            assert status == 0
            return scores

        return call
