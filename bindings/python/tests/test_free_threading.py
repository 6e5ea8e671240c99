"""Builds of Python without the interpreter's lock: what docs/python.md says of them."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import sysconfig

import pytest

import melu

WITHOUT_LOCK = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


@pytest.mark.skipif(WITHOUT_LOCK, reason="such a build has a wheel of its own")
def test_builds_without_a_lock_refuse_the_wheel() -> None:
    tags = pytest.importorskip("packaging.tags")
    wheel = importlib.metadata.distribution("melu-recsys").read_text("WHEEL")
    assert wheel is not None
    named = [line.split(": ")[1] for line in wheel.splitlines() if line.startswith("Tag: ")]
    ours = {tag for name in named for tag in tags.parse_tag(name)}
    platforms = {tag.platform for tag in ours}
    assert {(tag.interpreter, tag.abi) for tag in ours} == {("cp310", "abi3")}
    for version in [(3, 13), (3, 14)]:
        abi = f"cp{version[0]}{version[1]}"
        assert ours <= set(tags.cpython_tags(version, [abi], platforms))
        assert not ours & set(tags.cpython_tags(version, [abi + "t"], platforms))


@pytest.mark.skipif(not WITHOUT_LOCK, reason="this Python has a lock")
def test_no_lock_is_turned_on() -> None:
    # A module that did not declare itself would turn it on, with a warning.
    program = "import sys, melu; print(sys._is_gil_enabled(), melu.kernel())"
    said = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == ["False", melu.kernel()]
