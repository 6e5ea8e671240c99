"""A small world, and models trained on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import melu


@pytest.fixture(scope="session")
def world() -> melu.Dataset:
    return melu.Dataset.synthetic(200, 120, ratings_per_user=20)


@pytest.fixture(scope="session")
def model(world: melu.Dataset) -> melu.Model:
    return melu.train(world, epochs=1, progress=False)


@pytest.fixture(scope="session")
def clicks() -> melu.Model:
    world = melu.Dataset.synthetic(150, 100, ratings_per_user=15, positive_only=True)
    return melu.train(world, progress=False)


@pytest.fixture
def catalog(model: melu.Model) -> melu.Catalog:
    return model.catalog()


@pytest.fixture(scope="session")
def tables(world: melu.Dataset) -> dict[str, dict[str, Any]]:
    """The world's tables as lists."""
    users, items, values = world.interactions
    user_ids, item_ids = np.array(world.user_ids), np.array(world.item_ids)
    profiles = [world.profile(user) for user in world.user_ids]
    ages = [profile["age"][0] if "age" in profile else None for profile in profiles]
    genres = [["drama", "crime"][: place % 3] for place in range(len(item_ids))]
    return {
        "interactions": {
            "user": user_ids[users].tolist(),
            "item": item_ids[items].tolist(),
            "rating": [float(value) for value in values],
            "time": list(range(1_600_000_000, 1_600_000_000 + len(values))),
        },
        "items": {
            "id": item_ids.tolist(),
            "title": [f"Title {place}" for place in range(len(item_ids))],
            "genres": genres,
            "year": [1950 + place for place in range(len(item_ids))],
            "length": [None if place % 7 == 0 else 80.5 + place for place in range(len(item_ids))],
        },
        "users": {"id": list(world.user_ids), "age": ages},
    }
