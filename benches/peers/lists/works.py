"""The works, and what is compared before they are timed."""

import sys
from typing import Callable, NamedTuple

import numpy as np

from lists.world import LARGE, LARGEST, SMALL

BEST = 20
# Of the spread of the scores.
TOLERANCE = 1e-5


class Work(NamedTuple):
    name: str
    unit: str
    scale: float  # a run's seconds times this are in that unit
    method: str  # what a peer must have for it
    prepare: Callable  # what a peer is to run
    numbers: Callable  # what it found, of a peer and a run's result
    compare: Callable  # what is compared, of every peer's numbers
    tells: str  # its name in goals


def best_of(vectors, answers, unit, scale):
    """The best 20 by one vector."""
    user = vectors.users(answers)[0]
    return Work(
        f"best {BEST} of {vectors.items:,}",
        unit,
        scale,
        "best",
        lambda peer: peer.best(vectors, user, answers[0], BEST),
        lambda peer, found: peer.lists(found),
        lambda found: same_lists(found, vectors, user[None], answers),
        f"best of {vectors.items}",
    )


def batch_of(vectors, answers):
    """The best 20 of each of many users, by a product of matrices where there is one."""
    users = vectors.users(answers)
    return Work(
        f"{len(users)} users, best {BEST} of {vectors.items:,}, a user",
        "µs",
        1e6 / len(users),
        "batch",
        lambda peer: peer.batch(vectors, users, answers, BEST),
        lambda peer, found: peer.lists(found),
        lambda found: same_lists(found, vectors, users, answers),
        f"batch of {vectors.items}",
    )


def adapt(vectors, answers):
    """A user's vector from answers."""
    count = len(answers[0].items)
    user = vectors.users(answers)[0]
    return Work(
        f"adapt to {count} answers",
        "µs",
        1e6,
        "adapt",
        lambda peer: peer.adapt(vectors, answers[0]),
        lambda peer, found: peer.vector(found),
        lambda found: same_vectors(found, user),
        f"adapt to {count}",
    )


def adapt_and_recommend(world, vectors, answers):
    count = len(answers[0].items)
    return Work(
        f"adapt to {count}, best {BEST} of {vectors.items:,}",
        "µs",
        1e6,
        "recommend",
        lambda peer: peer.recommend(vectors, answers[0], BEST),
        # What the library says to many, to see whether it has learned anything.
        lambda peer, found: (peer.lists(found), peer),
        lambda found: sensible_lists(found, world, vectors, answers),
        "adapt and recommend",
    )


def candidates(world, vectors):
    """Scores of all items for one user, as who ranks candidates by trees."""
    answers, _ = world.with_answers(20)
    return Work(
        f"score {vectors.items:,} candidates",
        "µs",
        1e6,
        "score",
        lambda peer: peer.score(vectors, answers[0]),
        lambda peer, scores: np.array(scores, np.float32),
        lambda found: sensible_scores(found, vectors.items),
        "candidates",
    )


def works(world, vectors):
    """What there is to do with a catalogue of so many items."""
    answers = lambda count, people=1: world.with_answers(count, people)[0]
    if vectors.items == SMALL:
        yield best_of(vectors, answers(20), "µs", 1e6)
        for count in (5, 20, 80):
            yield adapt(vectors, answers(count))
        yield adapt_and_recommend(world, vectors, answers(20))
        yield batch_of(vectors, answers(20, 256))
        yield candidates(world, vectors)
    if vectors.items == LARGE:
        yield best_of(vectors, answers(20), "ms", 1e3)
        yield batch_of(vectors, answers(20, 64))
    if vectors.items == LARGEST:
        yield best_of(vectors, answers(20), "ms", 1e3)


def fail(name, problem):
    sys.exit(f"{name}: {problem}")


def same_lists(found, vectors, users, answers):
    """Where scores are products of two vectors, the best by products in double precision
    must be there, with their scores. Other libraries' lists are as long, of items that are
    there and that nobody answered."""
    for name, lists in found.items():
        if name not in ("melu, vectors alone", "faiss", "usearch", "numpy", "PyTorch"):
            for of_user, (items, scores) in zip(answers, lists, strict=True):
                check_list(name, items, scores, vectors.items, of_user.items)
            continue
        worst = 0
        for user, (items, scores) in zip(users, lists, strict=True):
            exact = vectors.rows @ user.astype(np.float64)
            spread = np.ptp(exact)
            best = np.sort(exact)[: -len(items) - 1 : -1]
            apart = np.abs(exact[items] - best), np.abs(scores - exact[items])
            if len(set(items.tolist())) < BEST:
                fail(name, f"{len(set(items.tolist()))} items where {BEST} are expected")
            worst = max(worst, max(part.max() / spread for part in apart))
        if worst > TOLERANCE:
            fail(name, f"scores are {worst:.1e} of their spread from the best")
        print(f"    {name} agrees to {worst:.1e}", file=sys.stderr)


def check_list(name, items, scores, count, answered):
    items = np.asarray(items)
    if len(items) != BEST or len(set(items.tolist())) != BEST:
        fail(name, f"a list of {len(set(items.tolist()))} items where {BEST} are expected")
    if items.min() < 0 or items.max() >= count or not np.isfinite(scores).all():
        fail(name, "items that do not exist, or scores that are no numbers")
    if np.isin(items, answered).any():
        fail(name, "recommends what was answered")


def same_vectors(found, user):
    """The closed form has one result. Others' factors are their own, and as many."""
    for name, vector in found.items():
        if name not in ("melu", "numpy"):
            if not (np.isfinite(vector).all() and np.ptp(vector) > 0 and vector.size >= 62):
                fail(name, f"a user's vector {vector}")
            continue
        apart = np.abs(vector - user).max() / np.ptp(user)
        if apart > TOLERANCE:
            fail(name, f"the user's vector is {apart:.1e} of its spread from melu's")
        print(f"    {name} agrees to {apart:.1e}", file=sys.stderr)


def sensible_lists(found, world, vectors, answers):
    """Lists find what people chose besides their answers, far more often than by chance."""
    given, others = world.with_answers(20, 60)
    if "melu" in found:
        best_of_all_scores(found["melu"][1], vectors, answers[0])
    for name, (lists, peer) in found.items():
        for (items, scores), of_user in zip(lists, answers):
            check_list(name, items, scores, vectors.items, of_user.items)
        hits = expected = 0
        for of_user, chosen in zip(given, others):
            [(items, _)] = peer.lists(peer.recommend(vectors, of_user, BEST)())
            hits += np.isin(items, chosen).sum()
            expected += BEST * len(chosen) / vectors.items
        print(f"    {name} finds {hits / expected:.1f} times what chance does", file=sys.stderr)
        if hits < 2 * expected:
            fail(name, f"finds {hits} of what people chose; chance finds {expected:.0f}")


def best_of_all_scores(melu, vectors, answers):
    """melu's list has the best of the scores that it gives to all items."""
    scores = np.array(melu.score(vectors, answers)())
    [(items, of_items)] = melu.lists(melu.recommend(vectors, answers, BEST)())
    scores[answers.items] = -np.inf
    apart = np.abs(np.sort(scores)[: -BEST - 1 : -1] - of_items).max()
    apart = max(apart, np.abs(scores[items] - of_items).max()) / np.ptp(scores[scores > -np.inf])
    if apart > TOLERANCE:
        fail("melu", f"its list is {apart:.1e} of the spread from the best of its scores")


def sensible_scores(found, items):
    for name, scores in found.items():
        if scores.shape != (items,) or not np.isfinite(scores).all() or np.ptp(scores) == 0:
            fail(name, f"scores {scores}")
