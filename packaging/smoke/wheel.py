"""What a new installation of the wheel can do, with numpy alone: wheel.py VERSION."""

import importlib.metadata
import pathlib
import pickle
import sys
import tempfile

import melu

assert importlib.metadata.version("melu-recsys") == sys.argv[1]
world = melu.Dataset.synthetic(users=300, items=200)
recommender = melu.Recommender(epochs=1, progress=False).fit(world)
expected = recommender.recommend({"i7": 5, "i12": 1.5}, k=5, profile={"age": "25-34"})
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "world.melu"
    recommender.save(str(path))
    catalog = melu.open(str(path)).catalog()
    user = melu.User(catalog, {"age": "25-34"}, [6, 11], [5, 1.5])
    found = user.recommend(5)
    assert len(found.items) == 5 and len(set(map(int, found.items))) == 5, found
    pickle.dumps(user)
    print(expected)
    print(found.items, user.next_question())
