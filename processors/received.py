"""A decoded record with its place in the log, and the ways in which taking one may end."""

from collections.abc import Awaitable

from confluent_kafka import Message
from msgspec import Struct


class Received(Struct, frozen=True, gc=False):
    """One event as an agent gets it. `timestamp` is the broker's append time in milliseconds."""

    event: Struct
    topic: str
    partition: int
    offset: int
    timestamp: int
    record: Message


Confirmation = Awaitable[None]
"""Done when everything that a batch led to is confirmed; a failure is the end of the process."""


class Poison(Exception):
    """One record can never be taken: it goes to the dead letters and its batch goes on."""

    def __init__(self, received: Received, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.received = received
        self.code = code
        self.detail = detail
