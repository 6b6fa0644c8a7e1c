"""Watermarks that a gateway took from clients which tell each by itself, and do not repeat it."""

import json
from typing import NamedTuple

from tests.simulation.machine import Process

_KINDS = ("delivered", "read")


class Watermark(NamedTuple):
    """What a user said, and the process that took it."""

    gateway: Process
    conversation_id: str
    user: str
    kind: str
    seq: int


def watermark_in(frame: bytes, gateway: Process, user: str) -> Watermark | None:
    """The watermark that a frame of a user holds, if it holds one."""
    if not any(kind.encode() in frame for kind in _KINDS):  # of most frames this is enough to know
        return None
    said = json.loads(frame[frame.find(b"{") :])
    if said["type"] not in _KINDS:
        return None
    return Watermark(gateway, said["conversation_id"], user, said["type"], said["seq"])
