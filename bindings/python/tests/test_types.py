"""The stubs say what is there."""

from __future__ import annotations

import ast
import inspect
import pathlib
import subprocess
import sys

import pytest

import melu
from melu import _melu

PACKAGE = pathlib.Path(melu.__file__).parent


def test_mypy_is_content() -> None:
    pytest.importorskip("mypy")
    program = PACKAGE.parent / "melu"
    found = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", str(program)],
        capture_output=True,
        text=True,
        cwd=pathlib.Path(__file__).parent,
    )
    assert found.returncode == 0, found.stdout


def test_stubs_have_what_the_module_has() -> None:
    tree = ast.parse((PACKAGE / "_melu.pyi").read_text())
    stubs: dict[str, set[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            members = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
            stubs[node.name] = members - {"__new__", "__len__"}
        elif isinstance(node, ast.FunctionDef):
            stubs[node.name] = set()
    for name, member in inspect.getmembers(_melu):
        if name.startswith("_"):
            continue
        assert name in stubs, name
        if inspect.isclass(member):
            there = {part for part in vars(member) if not part.startswith("_")}
            assert there == stubs[name], name
    assert (PACKAGE / "py.typed").exists()


def test_names_are_documented() -> None:
    for name in melu.__all__:
        assert hasattr(melu, name)
