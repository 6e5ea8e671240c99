"""melu's C functions, called through ctypes; what training computes, by a Rust program.

Needs no numpy until training is asked: no program does that calls melu. A head is a user's
handle.
"""

from ctypes import byref, c_float, c_size_t, c_uint32
from pathlib import Path

from melu import ALL_ITEMS, KEEP_RATED, TARGET, Batch, Recommendation, Str, Value
from melu import done, library, make, open_catalog

TRAINING = TARGET / "release" / "examples" / "peers_training"
FIELDS = ("gender", "age", "occupation", "zip")


class Peer:
    name = "melu"
    packages = libraries = []  # its own is not installed

    def __init__(self, world, files):
        self.world, self.files = world, Path(files)
        self.catalogs = {}
        self.training = None

    def _user(self, user, steps):
        if steps not in self.catalogs:
            self.catalogs[steps] = open_catalog(self.weights(steps))
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
        handles = [self._user(user, steps) for user in users]
        batch = Batch(handles, [(user.items, user.ratings) for user in users])

        def call():
            batch()
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
