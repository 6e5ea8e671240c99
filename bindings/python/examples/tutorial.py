# %% [markdown]
# # Recommendations for people nobody knows yet
#
# Each `# %%` begins a cell: VS Code, PyCharm and Spyder run this file as a notebook, and
# `jupytext --to ipynb tutorial.py` makes one of it. It runs on made-up films. With a folder of
# MovieLens that `melu import` made, in the environment variable MELU_DATA as DIR/ml-1m, it runs on that.

# %%
import os
import pathlib

import numpy as np

import melu

folder = pathlib.Path(os.environ.get("MELU_DATA", "")) / "ml-1m"
if "MELU_DATA" in os.environ and (folder / "dataset.toml").exists():
    data = melu.Dataset.open(folder)
else:
    data = melu.Dataset.synthetic(users=400, items=200, ratings_per_user=25)
print(data)
for note in data.notes:
    print("-", note)

# %% [markdown]
# A data set knows which users and items are new: training does not see them. With tables of your own,
# `melu.dataset(ratings, items, users, new_users=0.2)` makes one.

# %%
print(f"{data.new_users.sum()} new users, {data.new_items.sum()} new items")
users, items, values = data.interactions
print("ratings:", np.unique(values, return_counts=True))

# %% [markdown]
# ## Train
#
# The same data and seed give the same model. Ctrl-C keeps the best until then.

# %%
recommender = melu.Recommender(epochs=2, seed=1)
recommender.fit(data)
print(recommender)
print(recommender.curve_)

# %% [markdown]
# ## Judge it
#
# Lists and predicted ratings for the new users, by how many of their answers are known, beside simple
# recommenders. `ndcg20` is 1 for a list with all that the user liked at its head.

# %%
found = recommender.evaluate(draws=1, list_draws=1)
rows = found.to_dict("records") if hasattr(found, "to_dict") else found
for row in rows:
    if row["table"] == "lists" and row["scenario"] == "new_users" and row["given"] in (5, "all"):
        print(f"{row['predictor']:>12} {row['given']!s:>4} answers  nDCG@20 {row['ndcg20']:.3f}")

# %% [markdown]
# ## A new person
#
# Before any answer, the list is what people like on average. The first question is about the item
# whose answer tells most.

# %%
answers: dict[str, float] = {}
unknown: list[str] = []
for turn in range(4):
    question = recommender.next_question(answers, unknown=unknown)
    if question is None:
        break
    # Somebody who knows every other item, and likes the first most.
    if turn % 2 == 0:
        answers[question["id"]] = 5.0 - turn
    else:
        unknown.append(question["id"])
    print(f"{question['title'] or question['id']}: {answers.get(question['id'], 'not known')}")
print(recommender.recommend(answers, k=5))

# %% [markdown]
# ## Serve
#
# The weight file is the same for Rust, C, C++, Go and Python.

# %%
path = pathlib.Path("tutorial.melu")
recommender.save(path)
catalog = melu.open(path).catalog()
offsets = np.arange(0, 2001, 2)
somebody = np.random.default_rng(0).integers(0, len(catalog), 2000)
lists = melu.recommend_batch(catalog, offsets, somebody, np.full(2000, 4.0), k=10)
print(lists.items.shape, "items for", len(lists.counts), "users")
