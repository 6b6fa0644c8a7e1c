"""Stores of other releases: older ones are brought up to date, newer ones are refused."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from client.effects import HeadsTold, IdentityLearnt, MessageStored
from client.errors import StoreError
from client.messages import Message
from client.migrations import STEPS, migrate
from client.store import SqliteStore

PREVIOUS = Path(__file__).parent / "before_migrations.sql"
"""The layout of the last release whose stores had no version."""

_OPEN = """
import sys, time
from client.store import SqliteStore
print("ready", flush=True)
sys.stdin.readline()
try:
    store = SqliteStore(sys.argv[1])
except Exception as error:
    print(error.code, flush=True)
else:
    print("open", flush=True)
    sys.stdin.readline()
"""

STEP = ("ALTER TABLE messages ADD COLUMN edited INTEGER", "CREATE TABLE more (a INTEGER)")
FURTHER = ("CREATE TABLE further (b INTEGER)",)


def raw(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(str(path), isolation_level=None)


def version_of(path: Path) -> int:
    db = raw(path)
    (version,) = db.execute("PRAGMA user_version").fetchone()
    db.close()
    return int(version)


def tables_of(path: Path) -> dict[str, list[str]]:
    """The columns of each table."""
    db = raw(path)
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {name: [row[1] for row in db.execute(f"PRAGMA table_info({name})")] for name in names}
    db.close()
    return found


def test_a_new_store_is_of_the_newest_version_and_opening_it_again_changes_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ann.db"
    SqliteStore(path).close()
    made = tables_of(path)
    SqliteStore(path).close()
    assert (version_of(path), tables_of(path)) == (len(STEPS), made)


def test_a_store_of_the_previous_release_is_adopted_with_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "ann.db"
    db = raw(path)
    db.execute("PRAGMA journal_mode=WAL")
    db.executescript(PREVIOUS.read_text())
    db.execute("UPDATE device SET user_id = 'ann', device_id = 'phone', handed = 0")
    db.execute("INSERT INTO heads VALUES (1, 'a-token')")
    db.execute(
        "INSERT INTO messages VALUES (7, 'd:ann:bob', 1, 'id', 'bob', 'p', 'text', 'hi', NULL, 5)"
    )
    db.close()

    store = SqliteStore(path)
    assert store.load() == [IdentityLearnt("ann", "phone"), HeadsTold("a-token")]
    message = Message("d:ann:bob", 1, "id", "bob", "p", "text", "hi", None, 5)
    assert store.unhanded(9) == [(7, message)]
    store.close()
    SqliteStore(tmp_path / "new.db").close()
    assert version_of(path) == len(STEPS)
    assert tables_of(path) == tables_of(tmp_path / "new.db")


def test_a_store_of_a_newer_release_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ann.db"
    db = raw(path)
    migrate(db, path, (*STEPS, STEP))
    db.close()
    before = path.read_bytes()
    for _ in range(2):  # the second time it is not in use either
        with pytest.raises(StoreError) as refused:
            SqliteStore(path)
        assert refused.value.code == "newer_store"
        assert str(len(STEPS) + 1) in refused.value.detail
        assert "newer release" in refused.value.detail
    assert path.read_bytes() == before


def test_releases_that_only_look_into_the_table_of_the_device_refuse_it_as_well(
    tmp_path: Path,
) -> None:
    db = raw(tmp_path / "ann.db")
    migrate(db, "ann.db", (*STEPS, STEP))
    assert db.execute("SELECT version FROM device").fetchone() == (len(STEPS) + 1,)
    db.close()


def test_each_step_is_carried_out_once_and_keeps_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "ann.db"
    store = SqliteStore(path)
    message = Message("d:ann:bob", 1, "id", "bob", "p", "text", "hi", None, 5)
    store.save([MessageStored(message)])
    store.close()
    db = raw(path)
    for steps in ((*STEPS, STEP), (*STEPS, STEP), (*STEPS, STEP, FURTHER)):
        migrate(db, path, steps)
    assert db.execute("SELECT body, edited FROM messages").fetchall() == [("hi", None)]
    db.close()
    assert version_of(path) == len(STEPS) + 2


def test_a_step_that_fails_leaves_the_store_as_the_step_before_made_it(tmp_path: Path) -> None:
    path = tmp_path / "ann.db"
    db = raw(path)
    with pytest.raises(sqlite3.OperationalError):
        migrate(db, path, (*STEPS, STEP, ("CREATE TABLE half (c INTEGER)", "no statement")))
    assert not db.in_transaction
    db.close()
    assert version_of(path) == len(STEPS) + 1
    assert "more" in tables_of(path)
    assert "half" not in tables_of(path)


_KILLED = """
import os, signal, sqlite3, sys
from client.migrations import STEPS, migrate
from tests.client.test_migrations import FURTHER, STEP
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.create_function("die", 0, lambda: os.kill(os.getpid(), signal.SIGKILL))
before = int(sys.argv[2])
migrate(db, sys.argv[1], (*STEPS, STEP, (*FURTHER[:before], "SELECT die()", *FURTHER[before:])))
"""


@pytest.mark.parametrize("before", [0, 1], ids=["between steps", "within a step"])
def test_a_process_that_is_killed_leaves_the_rest_to_the_next(tmp_path: Path, before: int) -> None:
    path = tmp_path / "ann.db"
    SqliteStore(path).close()
    ended = subprocess.run([sys.executable, "-c", _KILLED, str(path), str(before)], check=False)
    assert ended.returncode == -signal.SIGKILL
    shutil.copytree(tmp_path, tmp_path / "seen")
    assert version_of(tmp_path / "seen" / "ann.db") == len(STEPS) + 1
    assert "further" not in tables_of(tmp_path / "seen" / "ann.db")

    db = raw(path)
    migrate(db, path, (*STEPS, STEP, FURTHER))
    db.close()
    assert version_of(path) == len(STEPS) + 2
    assert {"more", "further"} <= set(tables_of(path))


def test_of_two_processes_that_open_a_new_store_at_once_one_has_it(tmp_path: Path) -> None:
    for number in range(8):
        path = tmp_path / f"{number}.db"
        both = [
            subprocess.Popen(
                [sys.executable, "-c", _OPEN, str(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        for one in both:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        for one in both:
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()
        said = sorted(one.stdout.readline().strip() for one in both if one.stdout)
        for one in both:
            one.communicate("\n", timeout=60)
        assert said == ["in_use", "open"]
