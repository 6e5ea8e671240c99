"""What the documents and examples show."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import pytest

import melu

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
PAGES = [PACKAGE / "README.md", PACKAGE.parents[1] / "docs/python.md"]
EXAMPLES = PACKAGE / "examples"


def run(program: list[str], folder: pathlib.Path) -> str:
    environment = {**os.environ, "MPLBACKEND": "agg"}
    found = subprocess.run(
        [sys.executable, *program], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_code_of_pages_runs(page: pathlib.Path, tmp_path: pathlib.Path, model: melu.Model) -> None:
    model.save(tmp_path / "world.melu")
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 2
    assert run(["-c", "\n".join(blocks)], tmp_path).count("\n") > 3


def test_the_tutorial_runs(tmp_path: pathlib.Path) -> None:
    said = run([str(EXAMPLES / "tutorial.py")], tmp_path)
    assert "nDCG@20" in said and said.endswith("(1000, 10) items for 1000 users\n")


@pytest.mark.parametrize("library", ["faiss", "usearch"])
def test_indexes_find_what_a_search_of_all_finds(
    library: str, tmp_path: pathlib.Path, model: melu.Model
) -> None:
    example = EXAMPLES / f"{library}_index.py"
    compile(example.read_text(), str(example), "exec")
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not here")
    model.save(tmp_path / "model.melu")
    expected = melu.User(model.catalog(), None, [6, 11], [5, 1.5]).recommend(10)
    assert run([str(example), "model.melu"], tmp_path).strip() == str(expected.items.tolist())


def test_the_example_of_pgvector_is_a_program() -> None:
    # It needs a database.
    example = EXAMPLES / "pgvector_table.py"
    compile(example.read_text(), str(example), "exec")
