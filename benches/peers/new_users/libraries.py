"""One class a library: how it is fitted, which settings are tried, and how a new user gets a list.

`stages` are settings to try, one after another: each stage changes the best of those before.
`fits` yields settings and a fitted library, more than once where training goes on. A fitted
library's `request` takes a user's answers in the library's own form, and returns a call that
does everything else.
"""

import itertools

import numpy as np
from scipy.sparse import csr_matrix, hstack

from world import LENGTH


def product(**values):
    return [dict(zip(values, some)) for some in itertools.product(*values.values())]


def best_of(scores, answered):
    """The best candidates, best first."""
    scores[answered] = -np.inf
    found = np.argpartition(scores, -LENGTH)[-LENGTH:]
    return found[np.argsort(-scores[found])]


class Popular:
    name = "most popular"
    packages = []
    stages = [[{}]]

    def __init__(self, training):
        self.training = training

    @classmethod
    def fits(cls, training, settings, seed):
        yield settings, cls(training)

    def request(self, task, given):
        return most_popular(self.training, task.first(given)[0])


def most_popular(training, answered):
    """For users without an answer that counts, of whom most libraries know nothing."""
    popularity = training.popularity.astype(np.float32)
    return lambda: best_of(popularity.copy(), answered)


class Melu:
    """Its default recipe, whose settings training chooses itself."""

    name = "melu"
    packages = []
    stages = [[]]

    def __init__(self, model, training):
        world = training.world
        catalog = model.catalog()
        known = set(world.item_ids)
        unknown = [item for item, name in enumerate(catalog.ids) if name not in known]
        # The same candidates for all.
        self.catalog = catalog.remove(np.array(unknown, np.uint32)) if unknown else catalog
        self.index = np.array([self.catalog.find(item) for item in world.item_ids], np.uint32)
        self.column = np.empty(len(self.index), np.int32)
        self.column[self.index] = np.arange(len(self.index))
        self.world, self.unit = world, world.unit
        self.fields = {field["name"] for field in model.user_fields}

    @classmethod
    def fits(cls, training, settings, seed):
        import melu

        model = melu.train(training.world.dataset, seed=seed, threads=1, progress=False)
        yield settings, cls(model, training)

    def request(self, task, given):
        from melu import User

        items, ratings = task.first(given)
        answers = [self.index[items]] if self.unit else [self.index[items], ratings]
        profile = self.world.profiles[task.user].items()
        profile = {name: value for name, value in profile if name in self.fields}
        catalog = self.catalog

        def call():
            return User(catalog, profile, *answers).recommend(LENGTH).items

        return call

    def columns(self, found):
        return self.column[found]


class FitsCounts:
    """What libraries that fit a matrix of counts, and take a new user's row of it, share."""

    @classmethod
    def fits(cls, training, settings, seed):
        yield settings, cls(training, seed=seed, **settings)

    def request(self, task, given):
        answered, ratings = task.first(given)
        items, values = self.training.row(answered, ratings, self.counts)
        if not len(items):
            return most_popular(self.training, answered)
        return self.listed(task, answered, items, values)


class ImplicitPeer(FitsCounts):
    """What implicit's models have in common."""

    packages = ["implicit"]

    def __init__(self, training, counts, **settings):
        self.training, self.counts = training, counts
        self.model = self.make(settings)
        self.model.fit(training.matrix(counts), show_progress=False)

    def listed(self, task, answered, items, values):
        row = csr_matrix((values, items, [0, len(items)]), (1, self.training.shape[1]))
        recommend = self.model.recommend
        # Answers that do not count are left out of the list, too.
        options = {"filter_items": answered} if len(answered) > len(items) else {}
        options |= self.options
        return lambda: recommend(0, row, LENGTH, **options)[0]


class Als(ImplicitPeer):
    name = "implicit, ALS"
    options = {"recalculate_user": True}
    stages = [
        product(
            counts=["all", "liked"], regularization=[10, 30, 100], alpha=[1, 3, 10], factors=[64]
        ),
        product(factors=[32, 128]),
        [{"counts": "rating"}],
    ]

    def make(self, settings):
        from implicit.als import AlternatingLeastSquares

        seed = settings.pop("seed")
        return AlternatingLeastSquares(num_threads=1, random_state=seed, **settings)


class ItemKnn(ImplicitPeer):
    name = "implicit, item-kNN"
    options = {}
    stages = [
        product(kind=["Cosine", "TFIDF", "BM25"], K=[20, 100, 500], counts=["all", "liked"]),
    ]

    def make(self, settings):
        from implicit import nearest_neighbours

        settings.pop("seed")
        kind = getattr(nearest_neighbours, settings.pop("kind") + "Recommender")
        return kind(num_threads=1, **settings)


class CmfPeer(FitsCounts):
    """What cmfrec's models have in common."""

    packages = ["cmfrec"]

    def __init__(self, training, seed, counts, profile=False, **settings):
        self.training, self.counts, self.with_profile = training, counts, profile
        more = {"U": training.profile(training.users)} if profile else {}
        options = {"nthreads": 1, "use_float": True, "random_state": seed + 1, "verbose": False}
        self.model = self.make(**options, **settings)
        self.model.fit(training.matrix(counts).tocoo(), **more)

    def listed(self, task, answered, items, values):
        given = {"X_col": items.astype(np.int64), "X_val": values}
        if self.with_profile:
            given["U"] = self.training.profile([task.user])[0]
        exclude, best = answered.astype(np.int64), self.model.topN_warm
        return lambda: best(LENGTH, exclude=exclude, **given)


class CmfImplicit(CmfPeer):
    name = "cmfrec, implicit"
    stages = [
        product(counts=["all", "liked"], lambda_=[10, 30, 100], alpha=[1, 3, 10], k=[64]),
        [{"profile": True, "w_user": 0.1}, {"profile": True, "w_user": 1}],
    ]

    def make(self, **settings):
        from cmfrec import CMF_implicit

        return CMF_implicit(**settings)


class CmfExplicit(CmfPeer):
    """Predicts ratings; with `NA_as_zero` items without one count as 0."""

    name = "cmfrec, explicit"
    stages = [
        product(counts=["rating"], k=[64], lambda_=[10, 30])
        + product(
            counts=["rating"],
            k=[64],
            lambda_=[10, 30, 100, 300],
            NA_as_zero=[True],
            center=[False],
        ),
        [{"counts": "all"}],
    ]

    def make(self, **settings):
        from cmfrec import CMF

        return CMF(**settings)


class LightFmPeer:
    """LightFM has no function for a new user's answers; these are the two ways around it."""

    packages = ["lightfm"]
    epochs = (5, 10, 20, 30)

    def __init__(self, training, seed, counts="liked", **settings):
        from lightfm import LightFM

        self.training, self.counts, self.settings = training, counts, settings
        made = {"no_components": 64, "loss": settings["loss"], "random_state": seed + 1}
        made |= {"learning_rate": settings["rate"]}
        made |= {"user_alpha": settings["alpha"], "item_alpha": settings["alpha"]}
        self.model = LightFM(**made)
        self.random = np.random.default_rng(seed)
        self.items = np.arange(training.shape[1], dtype=np.int32)

    @classmethod
    def fits(cls, training, settings, seed):
        ends = [settings["epochs"]] if "epochs" in settings else cls.epochs
        fitted = cls(training, seed=seed, **settings)
        done = 0
        for end in ends:
            for _ in range(end - done):
                fitted.epoch()
            done = end
            yield from fitted.ready(settings | {"epochs": end})


class LightFmAnswers(LightFmPeer):
    """A user is the mean of features: one for each answer, and the profile's values."""

    name = "LightFM, answers as features"
    stages = [
        product(loss=["warp"], rate=[0.05], alpha=[0], shown=[20]),
        product(rate=[0.02, 0.1]),
        product(alpha=[1e-6]),
    ]

    def epoch(self):
        """Shows some of each user's interactions, and asks for the liked ones among the others."""
        training = self.training
        order = self.random.permutation(len(training.of_users))
        order = order[np.argsort(training.of_users[order], kind="stable")]
        users = training.of_users[order]
        begins = np.searchsorted(users, np.arange(training.shape[0]))
        counts = np.bincount(users, minlength=training.shape[0])
        least = np.minimum(
            np.exp(self.random.uniform(0, np.log(self.settings["shown"] + 1), len(begins))),
            counts / 2,
        )
        is_shown = np.arange(len(users)) - begins[users] < least[users]
        shown, asked = order[is_shown], order[~is_shown]
        asked = asked[training.is_liked[asked]]
        features = self.features(
            training.of_users[shown], training.of_items[shown], training.profile(training.users)
        )
        where = training.of_users[asked], training.of_items[asked]
        wanted = csr_matrix((np.ones(len(asked), np.float32), where), training.shape).tocoo()
        self.model.fit_partial(wanted, user_features=features, epochs=1, num_threads=1)

    def features(self, users, items, profiles):
        shape = len(profiles), self.training.shape[1]
        shown = csr_matrix((np.ones(len(users), np.float32), (users, items)), shape)
        all = hstack([shown, csr_matrix(profiles)], "csr").astype(np.float32)
        all.data /= np.repeat(np.asarray(all.sum(1)).ravel(), np.diff(all.indptr))
        return all

    def ready(self, settings):
        yield settings, self

    def request(self, task, given):
        items, _ = task.first(given)
        profile = self.training.profile([task.user])
        features = self.features(np.zeros(len(items), np.int32), items, profile)
        model, all = self.model, self.items

        def call():
            scores = model.predict(0, all, user_features=features, num_threads=1)
            return best_of(scores, items)

        return call


class LightFmRow(LightFmPeer):
    """A spare row of a user, fitted anew to each new user's answers, with the items put back."""

    name = "LightFM, a row fitted anew"
    stages = [
        product(loss=["warp"], rate=[0.05], alpha=[0], counts=["liked"]),
        product(alpha=[1e-6, 1e-5]),
        product(counts=["all"]),
    ]
    steps = (3, 10, 30)

    def __init__(self, training, seed, **settings):
        super().__init__(training, seed, **settings)
        seen = training.matrix(self.counts)
        self.seen = seen.tocoo()
        users = training.shape[0]
        ones = np.ones(users, np.float32)
        self.identity = csr_matrix((ones, (np.arange(users), np.arange(users))), (users, users + 1))
        self.spare = csr_matrix((ones[:1], ([0], [users])), (1, users + 1))

    def epoch(self):
        self.model.fit_partial(self.seen, user_features=self.identity, epochs=1, num_threads=1)

    def ready(self, settings):
        model = self.model
        mean = model.user_embeddings[:-1].mean(0), model.user_biases[:-1].mean()
        model.user_embeddings[-1], model.user_biases[-1] = mean
        names = [
            f"{of}_{what}"
            for of in ("item", "user")
            for what in ("embeddings", "biases", "embedding_gradients", "bias_gradients")
        ]
        self.saved = {
            name: (part[-1:] if name.startswith("user") else part).copy()
            for name, part in ((name, getattr(model, name)) for name in names)
        }
        for steps in [settings["steps"]] if "steps" in settings else self.steps:
            self.fold_in = steps
            yield settings | {"steps": steps}, self

    def request(self, task, given):
        answered, ratings = task.first(given)
        items, values = self.training.row(answered, ratings, self.counts)
        if not len(items):
            return most_popular(self.training, answered)
        wanted = csr_matrix((values, items, [0, len(items)]), (1, self.training.shape[1])).tocoo()
        model, all, spare, steps = self.model, self.items, self.spare, self.fold_in

        def call():
            model.fit_partial(wanted, user_features=spare, epochs=steps, num_threads=1)
            scores = model.predict(0, all, user_features=spare, num_threads=1)
            for name, part in self.saved.items():
                where = getattr(model, name)
                (where[-1:] if name.startswith("user") else where)[:] = part
            return best_of(scores, answered)

        return call


LIBRARIES = [Melu, Popular, ItemKnn, Als, CmfImplicit, CmfExplicit, LightFmAnswers, LightFmRow]
