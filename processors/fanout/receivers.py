"""The sessions that get a frame. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from projections.sessions.keys import Session

Sessions = Mapping[str, Sequence[Session]]
"""The live sessions of each user."""

Shown = Iterator[tuple[bytes, list[Session]]]
"""Frames, each with the sessions that get it."""


def of_device(sessions: Sessions, user_id: str, device_id: str) -> list[Session]:
    """The sessions of one device."""
    return [session for session in sessions.get(user_id, ()) if session.device_id == device_id]


def of_members(sessions: Sessions, members: Iterable[str]) -> list[Session]:
    """The sessions of all devices of these users."""
    return [session for member in members for session in sessions.get(member, ())]


def nobody(event: Any, members: Sequence[str], sessions: Sessions) -> Shown:
    """For an event that nobody is shown."""
    return iter(())
