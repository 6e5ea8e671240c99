"""What a caller's tables may hold besides what they should."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import melu
from melu._melu import Table

LOG: dict[str, Any] = {"user": ["a", "b"], "item": ["x", "y"], "rating": [3.0, 4.0]}


def test_categories_need_not_be_there() -> None:
    arrow = pytest.importorskip("pyarrow")
    items = {"id": ["x", "y"], "studio": [None, None]}
    expected = melu.dataset(LOG, items).notes
    for kind in (arrow.string(), arrow.large_string(), arrow.null()):
        none = arrow.nulls(2, arrow.dictionary(arrow.int8(), kind))
        assert melu.dataset(LOG, arrow.table({**items, "studio": none})).notes == expected
    # Chunks have categories of their own.
    pieces = [arrow.array(["s"]).dictionary_encode(), arrow.nulls(1, arrow.string()).dictionary_encode()]
    for chunks in ([*pieces], [pieces[0].slice(1), *pieces], [*pieces[::-1], pieces[1].slice(1)]):
        column = arrow.chunked_array(chunks)
        plain = {**items, "studio": column.to_pylist()}
        found = melu.dataset(LOG, arrow.table({**items, "studio": column})).notes
        assert found == melu.dataset(LOG, plain).notes
    numbers = arrow.nulls(2, arrow.dictionary(arrow.int32(), arrow.int64()))
    lists = arrow.array([[None], [None, None]], arrow.list_(arrow.dictionary(arrow.int8(), arrow.string())))
    assert melu.dataset(LOG, arrow.table({**items, "studio": numbers, "genres": lists}))
    with pytest.raises(melu.DataError, match='row 0, column "user": "" is empty'):
        nobody = arrow.nulls(2, arrow.dictionary(arrow.int8(), arrow.string()))
        melu.dataset(arrow.table({**LOG, "user": nobody}))


def test_data_frames_have_categories_without_any() -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    items = {"id": ["x", "y"], "studio": [None, None]}
    expected = melu.dataset(LOG, items).notes
    frame = pandas.DataFrame(items).astype({"studio": "category"})
    assert melu.dataset(LOG, frame).notes == expected
    for kind in (polars.Categorical, polars.Enum([])):
        none = polars.Series([None, None], dtype=kind)
        assert melu.dataset(LOG, polars.DataFrame({**items, "studio": none})).notes == expected
    nobody = polars.DataFrame({"id": []}, {"id": polars.Categorical})
    with pytest.raises(melu.Error):
        melu.dataset(LOG, nobody)


class Sequence:
    """What says a length and gives cells, and perhaps does something else first."""

    def __init__(self, length: int, before: Callable[[], object] = lambda: None) -> None:
        self.length, self.before = length, before

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[str]:
        self.before()
        return iter(["a", "b"])


@pytest.mark.parametrize("length", [0, sys.maxsize, 1 << 44])
def test_the_length_of_a_sequence_need_not_be_true(length: int) -> None:
    assert len(Table("t", {"user": Sequence(length)})) == 2


def test_a_dictionary_may_change_while_it_is_read() -> None:
    table: dict[str, Any] = {"item": ["x", "y"]}
    table["user"] = Sequence(2, lambda: table.update(more=[1, 2]))
    assert Table("t", table).kinds == {"item": "text", "user": "text"}
    assert "more" in table


def test_a_list_may_hold_itself() -> None:
    # Where it ends the process, it must not end the tests.
    program = """
from melu._melu import Table

endless = []
endless.append(endless)
deep = []
for depth in range(100_000):
    deep = [deep]
for cells in (endless, [endless], deep):
    try:
        Table("t", {"genres": cells})
    except ValueError as error:
        print(error)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    said = ended.stdout.splitlines()
    assert (ended.returncode, len(said)) == (0, 3), ended.stderr
    assert all(line.startswith('column "genres": row 0 has a list; a text') for line in said), said
