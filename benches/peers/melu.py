"""melu's C functions, called through ctypes. Needs no numpy: no program does that calls melu."""

import ctypes
import os
from ctypes import POINTER, Structure, byref, c_char_p, c_float, c_size_t, c_uint32, c_void_p
from pathlib import Path

ROOT = Path(__file__).parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
LIBRARY = TARGET / "peers" / "melu" / "lib" / "libmelu.so"
ALL_ITEMS = c_size_t(-1).value


class Str(Structure):
    _fields_ = [("data", c_char_p), ("len", c_size_t)]


class Error(Structure):
    _fields_ = [("status", c_uint32), ("user", c_uint32), ("length", c_size_t)]
    _fields_ += [("message", ctypes.c_char * 496)]


class Value(Structure):
    _fields_ = [("field", Str), ("kind", c_uint32), ("index", c_uint32)]
    _fields_ += [("name", Str), ("number", c_float)]


class Options(Structure):
    _fields_ = [("struct_size", c_size_t), ("leave_out", c_void_p), ("leave_out_len", c_size_t)]
    _fields_ += [("among", c_void_p), ("among_len", c_size_t), ("new_items", c_size_t)]
    _fields_ += [("add_neighbours", c_uint32), ("keep_rated", c_uint32), ("order", c_uint32)]
    _fields_ += [("min_raters", c_uint32), ("popularity_discount", c_float)]
    _fields_ += [("threads", c_uint32), ("filter", c_void_p), ("filter_context", c_void_p)]


class Vectors(Structure):
    _fields_ = [("data", POINTER(c_float)), ("rows", c_size_t)]
    _fields_ += [("width", c_size_t), ("stride", c_size_t)]


class Recommendation(Structure):
    _fields_ = [("item", c_uint32), ("score", c_float)]
    _fields_ += [("rating", c_float), ("deviation", c_float)]


ITEMS, FLOATS, SIZES = POINTER(c_uint32), POINTER(c_float), POINTER(c_size_t)
BEST, ERROR, HANDLE = POINTER(Recommendation), POINTER(Error), POINTER(c_void_p)
OPTIONS = POINTER(Options)

library = ctypes.CDLL(LIBRARY)
for name, arguments in {
    "melu_model_open": [Str, c_void_p, HANDLE, ERROR],
    "melu_model_catalog": [c_void_p, HANDLE, ERROR],
    "melu_catalog_item_vectors": [c_void_p, POINTER(Vectors), ERROR],
    "melu_catalog_free": [c_void_p],
    "melu_model_free": [c_void_p],
    "melu_user_free": [c_void_p],
    "melu_user_vector": [c_void_p, FLOATS, c_size_t, SIZES, ERROR],
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
    """A new handle."""
    handle, error = c_void_p(), Error()
    after = (None,) if function is library.melu_user_new else ()
    if function(*arguments, byref(handle), *after, byref(error)):
        raise RuntimeError(error.message.decode())
    return handle


def done(status):
    if status:
        raise RuntimeError(f"melu's status is {status}")


def open_catalog(path):
    """A weight file's own items."""
    path = bytes(path)
    model = make(library.melu_model_open, Str(path, len(path)), None)
    catalog = make(library.melu_model_catalog, model)
    library.melu_model_free(model)
    return catalog


class Batch:
    """Users with their answers, adapted and recommended to in one call."""

    def __init__(self, handles, answers, best=0, options=None):
        self.users = len(handles)
        self.handles = (c_void_p * self.users)(*(handle.value for handle in handles))
        items = [item for items, _ in answers for item in items]
        ratings = [rating for _, ratings in answers for rating in ratings]
        ends = [0]
        for of_user, _ in answers:
            ends.append(ends[-1] + len(of_user))
        self.offsets, self.count = (c_size_t * len(ends))(*ends), len(items)
        self.items, self.ratings = (c_uint32 * len(items))(*items), (c_float * len(items))(*ratings)
        self.room, self.options = best, options
        self.best = (Recommendation * (best * self.users))()
        self.found = (c_size_t * self.users)()

    def __call__(self):
        inputs = self.handles, self.users, self.offsets, self.items, self.ratings, self.count
        outputs = self.best or None, self.room, self.found
        done(library.melu_recommend_batch(*inputs, self.options, *outputs, None))
        return self
