"""The Redis keys that say who is connected where, and how a session is written.

A session is the value of its device's field: `gateway|epoch|session|position`. The position is that
of the record that wrote it, so an older record that is read again never takes its place.
"""

from typing import NamedTuple

SEPARATOR = "|"
"""Stands between the parts of a session; so in none of them."""


class Session(NamedTuple):
    """A device's open socket on one gateway."""

    device_id: str
    gateway_id: str
    gateway_epoch: str
    session_id: int


class Held(NamedTuple):
    """A session with the position of the record that wrote it."""

    session: Session
    position: int


def sessions(user_id: str) -> str:
    """Hash: device -> its newest session."""
    return f"sessions:{user_id}"


def gateway(gateway_id: str) -> str:
    """The epoch of a living gateway; gone some seconds after it was last heard of."""
    return f"gateway:{gateway_id}"


def gateway_position(gateway_id: str) -> str:
    """Hash: offsets of the records that last renewed `gateway` and that began it; ends with it."""
    return f"gateway-position:{gateway_id}"


OWED = "owed"
"""Set: `user|device|gateway|epoch|session` of those whose heads were not all told yet."""


def owed(user_id: str, session: Session) -> str:
    """A member of OWED."""
    return SEPARATOR.join(
        (
            user_id,
            session.device_id,
            session.gateway_id,
            session.gateway_epoch,
            str(session.session_id),
        )
    )


def session_owed(member: str) -> tuple[str, Session]:
    """The user and session of a member of OWED."""
    user_id, device_id, gateway_id, epoch, session_id = member.split(SEPARATOR)
    return user_id, Session(device_id, gateway_id, epoch, int(session_id))


def session_value(session: Session, position: int) -> str:
    """How a session is written."""
    return f"{session.gateway_id}|{session.gateway_epoch}|{session.session_id}|{position}"


def held_of(device_id: str, value: str) -> Held:
    """A session as it was written."""
    gateway_id, gateway_epoch, session_id, position = value.split(SEPARATOR)
    return Held(Session(device_id, gateway_id, gateway_epoch, int(session_id)), int(position))
