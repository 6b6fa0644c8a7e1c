"""Whether a client is there: what was heard of it when, and what is therefore due.

In: the seconds at which something happened, on the event loop's clock. Out: what is to be done.
Knows no clock, no socket and no timer of its own; a socket asks it at every visit.
"""

from __future__ import annotations

from enum import Enum, auto
from math import inf

DOUBTS_MAX = 3
"""How often a session that is said to be replaced may say, in two heartbeats, that it lives."""

DOUBTS_APART = 1 / 30
"""Of a heartbeat: what is said again sooner counts as said once. A dead session may be announced
several times within moments, as when Redis comes and goes; one that lives says so again later."""


class Due(Enum):
    """What a visit finds to be done."""

    NOTHING = auto()
    PING = auto()
    SILENT = auto()
    """Nothing was heard for two heartbeats, pings included: the client is gone."""
    HALF_A_FRAME = auto()
    """A frame has begun and does not end."""


class Doubt(Enum):
    """What to do when it is said that a newer session took this one's place."""

    ASK = auto()
    IS_ASKED = auto()
    BELIEVE = auto()


class Liveness:
    """Of one socket, from its beginning at `now`."""

    __slots__ = (
        "_doubted_at",
        "_doubted_since",
        "_doubts",
        "_frame_seconds",
        "_heard_at",
        "_heartbeat_seconds",
        "_midway_since",
        "_pinged_at",
        "is_doubted",
    )

    def __init__(self, heartbeat_seconds: float, frame_seconds: float, now: float) -> None:
        self.is_doubted = False
        """Whether it was asked if it lives, and has not answered yet."""
        self._heartbeat_seconds = heartbeat_seconds
        self._frame_seconds = frame_seconds
        self._heard_at = now
        self._pinged_at = now
        self._midway_since: float | None = None
        self._doubted_since = now
        self._doubted_at = -inf
        self._doubts = 0

    def heard(self, now: float) -> bool:
        """Something came; whether that answers a doubt."""
        self._heard_at = now
        answers, self.is_doubted = self.is_doubted, False
        return answers

    def read(self, now: float, *, whole: bool, is_midway: bool) -> None:
        """What came was read: whether it ended a message, and whether one has begun."""
        if not is_midway:
            self._midway_since = None
        elif whole or self._midway_since is None:
            self._midway_since = now

    def doubt(self, now: float) -> Doubt:
        """It is said that a newer session of the device took this one's place.

        That may be its own dead predecessor, announced late, so the client is asked: if it answers,
        the session is announced again, and the dead one, asked in its turn, answers nothing. Two
        that live answer in turns, until the older one is the first that was told too often. (Once
        is not enough: what is told may be told twice.)
        """
        if self.is_doubted:
            return Doubt.IS_ASKED
        if now - self._doubted_since > 2 * self._heartbeat_seconds:
            self._doubted_since, self._doubts = now, 0
        if now - self._doubted_at >= DOUBTS_APART * self._heartbeat_seconds:
            self._doubted_at = now
            self._doubts += 1
        if self._doubts > DOUBTS_MAX:
            return Doubt.BELIEVE
        self.is_doubted = True
        return Doubt.ASK

    def due(self, now: float) -> Due:
        """What is to be done at a visit; a ping that is due counts as sent."""
        silent_seconds = now - self._heard_at
        if silent_seconds >= 2 * self._heartbeat_seconds:
            return Due.SILENT
        if self._midway_since is not None and now - self._midway_since >= self._frame_seconds:
            return Due.HALF_A_FRAME
        if min(silent_seconds, now - self._pinged_at) >= self._heartbeat_seconds:
            self._pinged_at = now
            return Due.PING
        return Due.NOTHING
