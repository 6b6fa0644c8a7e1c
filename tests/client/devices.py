"""Clients for tests: quick to retry, in memory unless a store is given."""

from collections.abc import Callable

from client.client import Client
from client.memory import MemoryStore
from client.messages import Message, Notice
from client.options import Options
from client.store import Store
from tests.client.server import FakeServer

QUICK = Options(retry_base_seconds=0.01, retry_cap_seconds=0.05)


def device(
    server: FakeServer | str,
    user: str,
    *,
    name: str = "phone",
    store: Store | None = None,
    on_notice: Callable[[Notice], None] | None = None,
    also: tuple[str, ...] = (),
) -> Client:
    """A client of this user's device."""

    async def token() -> str:
        return f"{user}/{name}"

    url = server if isinstance(server, str) else server.url
    store = store or MemoryStore()
    return Client([url, *also], token, store, options=QUICK, on_notice=on_notice)


async def take(client: Client, count: int) -> list[Message]:
    """The next messages that are handed to the application."""
    return [await anext(client.messages()) for _ in range(count)]


def bodies(messages: list[Message]) -> list[str]:
    return [message.body for message in messages]
