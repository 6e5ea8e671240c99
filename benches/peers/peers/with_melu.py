"""melu's C functions, called through ctypes; what training computes, by a Rust program.

Needs no numpy until training is asked: no program does that calls melu. A head is a user's
handle.
"""

import ctypes
import os
from ctypes import POINTER, Structure, byref, c_char_p, c_float, c_size_t, c_uint32, c_void_p
from pathlib import Path

ROOT = Path(__file__).parents[3]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
LIBRARY = TARGET / "peers" / "melu" / "lib" / "libmelu.so"
TRAINING = TARGET / "release" / "examples" / "peers_training"
FIELDS = ("gender", "age", "occupation", "zip")
ALL_ITEMS = c_size_t(-1).value


class Str(Structure):
    _fields_ = [("data", c_char_p), ("len", c_size_t)]


class Error(Structure):
    _fields_ = [("status", c_uint32), ("length", c_size_t), ("message", ctypes.c_char * 496)]


class Value(Structure):
    _fields_ = [("field", Str), ("kind", c_uint32), ("index", c_uint32)]
    _fields_ += [("name", Str), ("number", c_float)]


class Options(Structure):
    _fields_ = [("struct_size", c_size_t), ("leave_out", c_void_p), ("leave_out_len", c_size_t)]
    _fields_ += [("among", c_void_p), ("among_len", c_size_t), ("new_items", c_size_t)]
    _fields_ += [("add_neighbours", c_uint32), ("keep_rated", c_uint32), ("order", c_uint32)]
    _fields_ += [("min_raters", c_uint32), ("popularity_discount", c_float)]
    _fields_ += [("threads", c_uint32)]


class Recommendation(Structure):
    _fields_ = [("item", c_uint32), ("score", c_float)]
    _fields_ += [("rating", c_float), ("deviation", c_float)]


ITEMS, FLOATS, SIZES = POINTER(c_uint32), POINTER(c_float), POINTER(c_size_t)
BEST, ERROR, HANDLE = POINTER(Recommendation), POINTER(Error), POINTER(c_void_p)
OPTIONS = POINTER(Options)

library = ctypes.CDLL(LIBRARY)
for name, arguments in {
    "melu_model_open": [Str, HANDLE, ERROR],
    "melu_model_catalog": [c_void_p, HANDLE, ERROR],
    "melu_user_new": [c_void_p, POINTER(Value), c_size_t, HANDLE, SIZES, ERROR],
    "melu_user_adapt": [c_void_p, ITEMS, FLOATS, c_size_t, ERROR],
    "melu_user_score": [c_void_p, ITEMS, c_size_t, FLOATS, c_size_t, SIZES, ERROR],
    "melu_user_recommend": [c_void_p, OPTIONS, BEST, c_size_t, SIZES, ERROR],
    "melu_recommend_batch": [HANDLE, c_size_t, SIZES, ITEMS, FLOATS, c_size_t]
    + [OPTIONS, BEST, c_size_t, SIZES, ERROR],
}.items():
    getattr(library, name).argtypes = arguments
library.melu_kernel_name.restype = Str

KEEP_RATED = byref(Options(struct_size=ctypes.sizeof(Options), keep_rated=1))


def kernel():
    name = library.melu_kernel_name()
    return name.data[: name.len].decode()


def make(function, *arguments):
    """A new handle; those of this program live as long as it does."""
    handle, error = c_void_p(), Error()
    after = (None,) if function is library.melu_user_new else ()
    if function(*arguments, byref(handle), *after, byref(error)):
        raise RuntimeError(error.message.decode())
    return handle


def done(status):
    if status:
        raise RuntimeError(f"melu's status is {status}")


class Peer:
    name = "melu"
    packages = libraries = []  # its own is not installed

    def __init__(self, world, files):
        self.world, self.files = world, Path(files)
        self.catalogs = {}
        self.training = None

    def _user(self, user, steps):
        if steps not in self.catalogs:
            path = bytes(self.weights(steps))
            model = make(library.melu_model_open, Str(path, len(path)))
            self.catalogs[steps] = make(library.melu_model_catalog, model)
        profile = (Value * len(FIELDS))()
        for value, field, index in zip(profile, FIELDS, user.profile):
            value.field, value.kind, value.index = Str(field.encode(), len(field)), 1, index
        return make(library.melu_user_new, self.catalogs[steps], profile, len(profile))

    def weights(self, steps):
        path = self.files / f"melu-{self.world.items}-{steps}.safetensors"
        return path if path.exists() else self.world.write(path, steps)

    def adapt(self, user, steps):
        handle, count = self._user(user, steps), len(user.items)
        items, ratings = (c_uint32 * count)(*user.items), (c_float * count)(*user.ratings)

        def call():
            done(library.melu_user_adapt(handle, items, ratings, count, None))
            return handle

        return call

    def score(self, handle):
        count = self.world.items
        scores = (c_float * count)()

        def call():
            score = library.melu_user_score
            done(score(handle, None, ALL_ITEMS, scores, count, None, None))
            return scores

        return call

    def no_work(self, handle):
        """The longest list of arguments, and nothing to do: what ctypes costs."""
        return lambda: done(library.melu_user_score(handle, None, 0, None, 0, None, None))

    def recommend(self, user, steps, count):
        adapt, best, found = self.adapt(user, steps), (Recommendation * count)(), c_size_t()

        def call():
            recommend = library.melu_user_recommend
            done(recommend(adapt(), KEEP_RATED, best, count, byref(found), None))
            return best

        return call

    def items_and_scores(self, best):
        return [found.item for found in best], [found.score for found in best]

    def adapt_many(self, users, steps):
        handles = (c_void_p * len(users))(*(self._user(user, steps).value for user in users))
        items = [item for user in users for item in user.items]
        ratings = [rating for user in users for rating in user.ratings]
        ends = [0]
        for user in users:
            ends.append(ends[-1] + len(user.items))
        offsets, count = (c_size_t * len(ends))(*ends), len(items)
        items, ratings = (c_uint32 * count)(*items), (c_float * count)(*ratings)
        found = (c_size_t * len(users))()

        def call():
            batch = library.melu_recommend_batch
            inputs = handles, len(users), offsets, items, ratings, count
            done(batch(*inputs, None, None, 0, found, None))
            return handles

        return call

    def one_of(self, handles, place):
        return handles[place]

    def evidence(self, users):
        return TrainingCall(self, "evidence")

    def meta_gradient(self, tasks, steps):
        return TrainingCall(self, f"gradient {steps}")

    def ask_training(self, work, seconds):
        """The times of so many runs as that takes, and the numbers of the last."""
        import subprocess

        import numpy as np

        if self.training is None:
            command = [TRAINING, self.weights(1), self.files / "training.safetensors"]
            pipe = subprocess.PIPE
            self.training = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        result = self.files / "training.result"
        self.training.stdin.write(f"{work} {seconds} {result}\n")
        self.training.stdin.flush()
        times = self.training.stdout.readline().split()
        if not times:
            raise RuntimeError(f"{TRAINING.name} failed; its message is above")
        return [int(time) / 1e9 for time in times], np.fromfile(result, np.float32)


class TrainingCall:
    """Work that the Rust program does, and times itself."""

    def __init__(self, peer, work):
        self.peer, self.work = peer, work

    def __call__(self):
        return self.peer.ask_training(self.work, 0)[1]

    def times(self, seconds):
        return self.peer.ask_training(self.work, seconds)[0]
