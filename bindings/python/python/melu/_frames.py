"""Tables of other libraries, none of which is needed: pandas, polars, pyarrow and others."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ._errors import ArgumentError
from ._melu import Table


def read(name: str, table: Any, columns: tuple[str, ...] = ()) -> Table:
    """A table of whatever can be one; ``columns`` name those of arrays without names."""
    if isinstance(table, Table):
        return table
    if hasattr(table, "__arrow_c_stream__"):
        try:
            return Table(name, table)
        except ImportError:
            # pandas needs pyarrow for it, which may not be there.
            pass
    if isinstance(table, Mapping):
        return Table(name, {str(key): _column(cells) for key, cells in table.items()})
    if isinstance(table, np.ndarray):
        return Table(name, _array(name, table, columns))
    if hasattr(table, "columns") and hasattr(table, "__getitem__"):
        return Table(name, {str(key): _column(table[key]) for key in table.columns})
    if isinstance(table, (list, tuple)) and table and isinstance(table[0], Mapping):
        keys = dict.fromkeys(key for row in table for key in row)
        return Table(name, {str(key): [row.get(key) for row in table] for key in keys})
    raise ArgumentError(
        f"{name}: is a {type(table).__name__}; a data frame, a table of Arrow, an array, a "
        "dictionary of columns, or a list of dictionaries is expected"
    )


def _column(cells: Any) -> Any:
    """An array of numpy, or a list."""
    if isinstance(cells, (np.ndarray, list)):
        return cells
    if hasattr(cells, "to_numpy"):
        array = cells.to_numpy()
        # Categories and zones come as objects, which are read one by one.
        return array
    if isinstance(cells, Iterable) and not isinstance(cells, (str, bytes)):
        return list(cells)
    raise ArgumentError(f"a column is a {type(cells).__name__}; a sequence is expected")


def _array(name: str, table: np.ndarray[Any, Any], columns: tuple[str, ...]) -> dict[str, Any]:
    if table.dtype.names is not None:
        return {key: table[key] for key in table.dtype.names}
    if table.ndim != 2 or not 2 <= table.shape[1] <= len(columns):
        raise ArgumentError(
            f"{name}: is an array of the shape {table.shape}; [rows, 2 to {len(columns)}] is "
            f"expected, with the columns {', '.join(columns)}"
        )
    named: dict[str, Any] = dict(zip(columns, table.T))
    if table.dtype.kind == "f":
        for key in columns[:2]:
            ids = named[key]
            whole = ids.astype(np.int64)
            if not np.array_equal(whole, ids):
                raise ArgumentError(f"{name}: the ids in column {key!r} are not whole numbers")
            named[key] = whole
    return named


def frame(rows: list[dict[str, Any]]) -> Any:
    """A data frame of pandas if that is there, else the rows themselves."""
    try:
        pandas = importlib.import_module("pandas")
    except ImportError:
        return rows
    return pandas.DataFrame(rows)
