"""Instants of the log as a person reads them: on the clock of the place where they sit."""

from datetime import UTC, datetime


def local(milliseconds: int) -> datetime:
    """An instant, in milliseconds since 1970-01-01 UTC, with the zone of this machine."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone()


def to_the_millisecond(milliseconds: int) -> str:
    """The time of day, as 13:05:59.042."""
    return local(milliseconds).strftime("%H:%M:%S.%f")[:-3]
