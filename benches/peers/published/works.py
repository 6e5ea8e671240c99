"""The work that is measured, and the numbers on which all must agree."""

from typing import Callable, NamedTuple

import numpy as np
from safetensors.numpy import save_file

from published.world import make_tasks

RECOMMENDED = 20
ADAPTATIONS = [(5, 1), (20, 1), (20, 5)]  # ratings, local steps
# Of the spread of melu's own numbers.
TOLERANCE = 1e-5


class Work(NamedTuple):
    name: str
    unit: str
    scale: float  # a run's seconds times this are in that unit
    method: str  # what a peer must have for it
    prepare: Callable  # what a peer is to run
    # The arrays that must agree, of a peer and what it found.
    numbers: Callable


def score_work(world):
    user = world.user(20)
    return Work(
        f"score {world.items:,} items",
        "ms",
        1e3,
        "score",
        lambda peer: peer.score(peer.adapt(user, 1)()),
        lambda peer, scores: [scores],
    )


def all_works(world, files):
    """What there is to do with one catalogue; `files` gets what training is asked about."""
    user, crowd, people = world.user(20), world.users(256, 20), world.users(64, 30)
    tasks = make_tasks(world, 32)
    training = tasks._asdict() | {
        "profiles": np.array([user.profile for user in people], np.uint32),
        "items": np.stack([user.items for user in people]),
        "ratings": np.stack([user.ratings for user in people]),
    }
    save_file(training, files / "training.safetensors")

    def scores(peer, head):
        return [peer.score(head)()]

    def recommended(peer, found):
        # The scores must be right, and be those of the items.
        items, best = peer.items_and_scores(found)
        all_scores = np.asarray(peer.score(peer.adapt(user, 1)())())
        return [np.concatenate([best, all_scores[np.asarray(items)], all_scores])]

    def some_of(peer, heads):
        return [peer.score(peer.one_of(heads, place))() for place in (0, 100, 255)]

    for count, steps in ADAPTATIONS:
        yield Work(
            f"adapt to {count} ratings, {steps} step{'s' * (steps > 1)}",
            "µs",
            1e6,
            "adapt",
            lambda peer, user=world.user(count), steps=steps: peer.adapt(user, steps),
            scores,
        )
    yield Work(
        f"adapt {len(crowd)} users to 20 ratings, each",
        "µs",
        1e6 / len(crowd),
        "adapt_many",
        lambda peer: peer.adapt_many(crowd, 1),
        some_of,
    )
    yield Work(
        f"adapt to 20, best {RECOMMENDED} of {world.items:,}",
        "ms",
        1e3,
        "recommend",
        lambda peer: peer.recommend(user, 1, RECOMMENDED),
        recommended,
    )
    for steps in (1, 5):
        yield Work(
            f"meta-gradient, {steps} step{'s' * (steps > 1)}, a task",
            "µs",
            1e6 / len(tasks.user),
            "meta_gradient",
            lambda peer, steps=steps: peer.meta_gradient(tasks, steps),
            lambda peer, gradients: split(gradients, tasks),
        )
    yield Work(
        "evidence norm, a rating",
        "ns",
        1e9 / sum(len(user.items) for user in people),
        "evidence",
        lambda peer: peer.evidence(people),
        lambda peer, norms: [norms],
    )
    yield score_work(world)


def split(gradients, tasks):
    """The loss, and the gradients by the head, support rows, query rows and users."""
    if isinstance(gradients, tuple):
        loss, head, *rows = gradients
        return [loss, np.concatenate([np.asarray(part).ravel() for part in head]), *rows]
    rows = [tasks.support.size, tasks.query.size, tasks.user.size]
    head = len(gradients) - 1 - sum(rows)
    return np.split(gradients, np.cumsum([1, head, *rows[:-1]]))
