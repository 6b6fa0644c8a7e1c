"""The list of conversations costs what changed since it was shown last, not what is stored."""

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client.client import Client
from client.effects import ConversationChanged, IdentityLearnt, MessageStored
from client.memory import MemoryStore
from client.messages import UNREAD_MAX, Message
from client.store import SqliteStore
from tests.client.devices import device, take
from tests.client.model import ModelServer
from tests.client.server import running

NOWHERE = "ws://127.0.0.1:1/v1/ws"
CUSTOMERS, MESSAGES = 40, 100


def filled(store: SqliteStore | MemoryStore, count: int = MESSAGES) -> None:
    """A shop that has talked with its customers, and has read all but the last ten messages."""
    store.save([IdentityLearnt("shop", "phone")])
    for n in range(CUSTOMERS):
        name, customer = f"d:c{n:03}:shop", f"c{n:03}"
        store.save(
            [
                ConversationChanged(name, count, count, count - 10, 0, False),
                *(
                    MessageStored(
                        Message(name, seq, f"{seq}", customer, "x", "text", f"{seq}", None, n)
                    )
                    for seq in range(1, count + 1)
                ),
            ]
        )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "shop.db")
    yield store
    store.close()


def statements(store: SqliteStore, do: Callable[[], object]) -> int:
    said: list[str] = []
    store._db.set_trace_callback(said.append)
    do()
    store._db.set_trace_callback(None)
    return len(said)


def steps(store: SqliteStore, do: Callable[[], object]) -> int:
    """How many hundreds of instructions of its machine SQLite needs for it."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    store._db.set_progress_handler(step, 100)
    do()
    store._db.set_progress_handler(None, 0)
    return count


async def test_what_has_not_changed_is_not_asked_for_again(store: SqliteStore) -> None:
    filled(store)
    async with device(NOWHERE, "shop", store=store) as shop:
        assert statements(store, shop.chats) <= 2 * CUSTOMERS
        assert statements(store, shop.chats) == 0
        assert [chat.unread for chat in shop.chats()] == [10] * CUSTOMERS
        await shop.read("c003", MESSAGES - 4)
        assert statements(store, shop.chats) <= 2
        unread = {chat.others[0]: chat.unread for chat in shop.chats()}
        assert unread == {f"c{n:03}": 4 if n == 3 else 10 for n in range(CUSTOMERS)}


async def test_a_list_is_never_older_than_what_is_here() -> None:
    model = ModelServer()
    model.write("bob", "d:ann:bob", "1")
    async with running(model) as server, device(server, "bob") as bob, device(server, "ann") as ann:
        await take(ann, 1)
        assert newest(ann) == ["1"]
        await (await bob.send("ann", "2")).accepted(60)
        await take(ann, 1)
        assert newest(ann) == ["2"]
        assert [chat.unread for chat in ann.chats()] == [2]
        await ann.read("bob")
        assert [chat.unread for chat in ann.chats()] == [0]


def newest(client: Client) -> list[str]:
    return [chat.newest.body for chat in client.chats() if chat.newest]


def test_what_is_counted_for_a_conversation_is_bounded(store: SqliteStore) -> None:
    def write(first: int, last: int) -> None:
        store.save(
            [
                MessageStored(Message("d:a:b", seq, "", "a", "x", "text", "hi", None, 1))
                for seq in range(first, last)
            ]
        )

    def count() -> int:
        return store.unread("d:a:b", 0, "b")

    write(1, 2 * UNREAD_MAX)
    few = steps(store, count)
    write(2 * UNREAD_MAX, 20 * UNREAD_MAX)
    assert steps(store, count) <= few + 1
    assert count() == UNREAD_MAX


def test_a_store_in_memory_looks_at_the_messages_of_one_conversation_only() -> None:
    looked_at = 0

    class Counting(deque[Message]):
        def __reversed__(self) -> Iterator[Message]:
            nonlocal looked_at
            for message in super().__reversed__():
                looked_at += 1
                yield message

    store = MemoryStore()
    filled(store)
    store._messages = {name: Counting(held) for name, held in store._messages.items()}
    assert store.unread("d:c007:shop", MESSAGES - 10, "shop") == 10
    assert looked_at <= 11
    assert [one.seq for one in store.history("d:c007:shop", None, 1)] == [MESSAGES]
    assert looked_at <= 13
