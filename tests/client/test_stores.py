"""What a device keeps: the same from disk as from memory, after any end of the process."""

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.effects import ConversationChanged, IdentityLearnt, MarkersChanged, MessageStored
from client.errors import ClientError, StoreError
from client.memory import MemoryStore
from client.messages import UNREAD_MAX, Message
from client.store import SqliteStore, Store
from tests.client.devices import bodies, device, take
from tests.client.server import running

CONVERSATION = "d:ann:bob"


def message(seq: int, sender: str = "bob") -> Message:
    return Message(CONVERSATION, seq, f"id-{seq}", sender, "phone", "text", f"{seq}", None, seq)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store: Store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "ann.db")
    yield store
    store.close()


def test_a_store_gives_back_what_it_was_given(store: Store) -> None:
    changes = [
        IdentityLearnt("ann", "phone"),
        ConversationChanged(CONVERSATION, 5, 5, 3, 2, True),
        MarkersChanged(CONVERSATION, "bob", 4, 3),
    ]
    store.save([ConversationChanged(CONVERSATION, 1, 1, 1, 1, False), *changes])
    store.save([MessageStored(message(seq, "ann" if seq == 2 else "bob")) for seq in range(1, 6)])
    assert store.load() == changes
    assert [m.seq for m in store.history(CONVERSATION, None, 3)] == [3, 4, 5]
    assert [m.seq for m in store.history(CONVERSATION, 3, 10)] == [1, 2]
    assert store.unread(CONVERSATION, 1, "ann") == 3
    arrivals = [arrival for arrival, _ in store.unhanded(3)]
    store.handed(arrivals[1])
    assert [m.seq for _, m in store.unhanded(10)] == [3, 4, 5]


def test_unread_is_counted_up_to_a_bound(store: Store) -> None:
    store.save([MessageStored(message(seq)) for seq in range(1, UNREAD_MAX + 50)])
    assert store.unread(CONVERSATION, 0, "ann") == UNREAD_MAX
    assert store.unread(CONVERSATION, 50, "ann") == UNREAD_MAX - 1


def test_a_store_in_memory_says_what_it_forgot() -> None:
    store = MemoryStore(messages_max=3)
    store.save([MessageStored(message(seq)) for seq in range(1, 6)])
    assert [m.seq for _, m in store.unhanded(10)] == [3, 4, 5]
    assert store.forgotten == 2


def test_two_processes_cannot_have_one_store(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "ann.db")
    store.save([IdentityLearnt("ann", "phone")])
    with pytest.raises(StoreError) as refused:
        SqliteStore(tmp_path / "ann.db")
    assert refused.value.code == "in_use"


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ann.db").write_bytes(b"not a database" * 1_000)
    with pytest.raises(StoreError) as refused:
        SqliteStore(tmp_path / "ann.db")
    assert refused.value.code == "unusable"


async def test_a_store_of_somebody_else_is_refused(tmp_path: Path) -> None:
    async with running() as server:
        async with device(server, "ann", store=SqliteStore(tmp_path / "a.db")) as ann:
            await ann.until_online(60)
        async with device(server, "bob", store=SqliteStore(tmp_path / "a.db")) as bob:
            with pytest.raises(ClientError) as refused:
                await bob.until_online(60)
        assert refused.value.code == "wrong_identity"


async def test_messages_written_offline_are_sent_by_the_next_process(tmp_path: Path) -> None:
    texts = [f"message {n}" for n in range(20)]
    nobody, file = "ws://127.0.0.1:1/v1/ws", tmp_path / "a.db"
    async with device(nobody, "ann", store=SqliteStore(file)) as ann:
        for text in texts:
            await ann.send("bob", text)
    async with running() as server, device(server, "ann", store=SqliteStore(file)) as ann:
        assert bodies(await take(ann, 20)) == texts


async def test_each_message_is_handed_over_once_over_several_processes(tmp_path: Path) -> None:
    async with running() as server, device(server, "bob") as bob:
        for n in range(10):
            await bob.send("ann", f"{n}")
        await bob.until_sent(5)
        seen = []
        for count in (3, 0, 5, 2):
            async with device(server, "ann", store=SqliteStore(tmp_path / "a.db")) as ann:
                seen += bodies(await take(ann, count))
        assert seen == [f"{n}" for n in range(10)]


async def test_a_crash_at_any_step_hands_over_again_only_what_was_being_worked_on(
    tmp_path: Path,
) -> None:
    total = 205  # two batches and a bit
    store = SqliteStore(tmp_path / "a.db")
    store.save([MessageStored(message(seq)) for seq in range(1, total + 1)])
    async with device("ws://127.0.0.1:1/v1/ws", "ann", store=store) as ann:
        for step in range(1, total + 1):
            (working_on,) = await take(ann, 1)
            assert working_on.seq == step
            assert again_after_a_crash(tmp_path)[0] == step
    assert again_after_a_crash(tmp_path) == []


async def test_what_fails_in_the_hands_of_the_application_comes_again(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "a.db")
    store.save([MessageStored(message(seq)) for seq in range(1, 6)])
    ann = device("ws://127.0.0.1:1/v1/ws", "ann", store=store)

    async def fail() -> None:
        async with ann:
            await take(ann, 3)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert again_after_a_crash(tmp_path) == [3, 4, 5]


def again_after_a_crash(folder: Path) -> list[int]:
    """What the next process is handed when this one is killed now: the files as they are."""
    for file in folder.glob("a.db*"):
        shutil.copy(file, folder / file.name.replace("a.db", "crashed.db"))
    store = SqliteStore(folder / "crashed.db")
    seqs = [found.seq for _, found in store.unhanded(1_000)]
    store.close()
    for file in folder.glob("crashed.db*"):
        file.unlink()
    return seqs


_WRITER = """
import asyncio, sys
from client.store import SqliteStore
from tests.client.devices import device
async def main():
    async with device(sys.argv[1], "ann", store=SqliteStore(sys.argv[2])) as ann:
        for n in range(100_000):
            await ann.send("bob", f"{sys.argv[3]}-{n}")
            print(n, flush=True)
            await asyncio.sleep(0.001)
asyncio.run(main())
"""


async def test_nothing_that_was_sent_is_lost_or_doubled_when_the_process_is_killed(
    tmp_path: Path,
) -> None:
    written: list[str] = []
    async with running() as server:
        for life in ("first", "second", "third"):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", _WRITER, server.url, str(tmp_path / "a.db"), life),
                stdout=subprocess.PIPE,
            )
            assert process.stdout is not None
            for _ in range(30):
                written.append(f"{life}-{int(await process.stdout.readline())}")
            process.send_signal(signal.SIGKILL)
            rest = (await process.stdout.read()).split()
            written += [f"{life}-{int(number)}" for number in rest]
            await process.wait()
        async with device(server, "ann", store=SqliteStore(tmp_path / "a.db")) as ann:
            await ann.until_sent(10)
            await ann.until_caught_up(10)
            log = [event["body"] for event in server.model.log[CONVERSATION]]
            # The process may have been killed between the store and the word that it is stored.
            assert [body for body in log if body in written] == written
            assert len(log) == len(set(log)) <= len(written) + 3
            assert [m.body for m in await ann.history("bob", limit=10_000)] == log


def test_a_file_that_fails_is_a_sentence_whatever_is_asked(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "ann.db")
    store._db.execute("DROP TABLE messages")
    for ask in (
        lambda: store.unhanded(1),
        lambda: store.history(CONVERSATION, None, 1),
        lambda: store.unread(CONVERSATION, 0, "ann"),
    ):
        with pytest.raises(StoreError, match="cannot be used"):
            ask()
    store._db.execute("DROP TABLE device")
    with pytest.raises(StoreError, match="cannot be used"):
        store.handed(1)
    store.close()


def test_a_file_that_could_not_be_opened_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "ann.db"
    store = SqliteStore(path)
    store._db.execute("PRAGMA user_version=1000000")
    store.close()
    with pytest.raises(StoreError, match="newer release"):
        SqliteStore(path)
    with pytest.raises(StoreError, match="newer release"):  # and not: in use
        SqliteStore(path)
