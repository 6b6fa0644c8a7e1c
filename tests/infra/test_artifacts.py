"""Jars: nothing that differs from the lock is ever used."""

import shutil

import pytest

from infra.errors import UserError
from infra.stack import artifacts
from infra.stack.place import JARS


@pytest.fixture
def lock_file(tmp_path, monkeypatch):
    """A small lock of two files, and a folder that matches it."""
    folder = tmp_path / "jars"
    (folder / "kafka").mkdir(parents=True)
    (folder / "kafka" / "a.jar").write_bytes(b"a")
    (folder / "kafka" / "b.jar").write_bytes(b"b")
    lock = tmp_path / "artifacts.lock"
    artifacts.write_lock(folder, lock)
    return folder, lock


def test_what_matches_the_lock_is_taken(lock_file):
    artifacts.check(*lock_file)


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (
            lambda folder: (folder / "kafka/a.jar").write_bytes(b"x"),
            "does not have the locked hash",
        ),
        (lambda folder: (folder / "kafka/a.jar").unlink(), "is missing"),
        (lambda folder: shutil.copy(folder / "kafka/a.jar", folder / "kafka/c.jar"), "not in the"),
    ],
)
def test_what_differs_is_refused(lock_file, spoil, problem):
    folder, lock = lock_file
    spoil(folder)
    with pytest.raises(UserError) as refused:
        artifacts.check(folder, lock)

    assert refused.value.code == "artifact_changed"
    assert problem in refused.value.sentence


def test_the_lock_names_every_part():
    assert {path.partition("/")[0] for path in artifacts.locked()} == {
        "kafka",
        "cassandra",
        "registry",
    }


def test_the_jars_in_use_were_checked(stack):
    assert artifacts.is_complete(JARS)
