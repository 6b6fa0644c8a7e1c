"""Consumer groups after a lone broker was killed: dead members, coordinators that do not load.

A broker that leads itself, killed together with its clients, may keep members that died with it in
their groups for ever, with their partitions; or a coordinator may not be able to load its state
(ADR 0018). While none of our programs runs, a group with members, or one that nobody answers for,
is such a case. A stop and a start in good order mends the first. For the second the offsets of the
groups are set aside at last: groups then read the log from its beginning, which costs time only, as
effects are idempotent by log position.

That it is due is kept in a file until it is done: who starts the broker may end before the groups
were looked at, and whoever comes next finds a broker that runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from events.topics import GROUPS
from infra.errors import UserError
from infra.kafka_answer import answer_of
from infra.settings import KafkaSettings

DEAD_MEMBERS_SECONDS_MAX = 20.0
"""Longer than a session of a member (6 s), on a busy machine: who is there then stays for ever."""
COORDINATOR_SECONDS_MAX = 45.0
RESTARTS_MAX = 2
_TIMEOUT_SECONDS = 5.0
_POLL_SECONDS = 0.25

_DUE_FILE_NAME = "groups.due"

log = structlog.get_logger()


class Groups(StrEnum):
    """How the groups of an instance are while none of our programs runs."""

    EMPTY = "empty"
    DEAD_MEMBERS = "dead members"
    NO_COORDINATOR = "no coordinator"


def members(kafka: KafkaSettings) -> dict[str, dict[str, set[tuple[str, int]]]]:
    """The members of each group by client id, and their partitions. Raises KafkaException."""
    admin = AdminClient({**kafka.connection(), "log_level": 0})
    admin.list_topics(timeout=_TIMEOUT_SECONDS)  # an admin request to nobody may abort the process
    answers = admin.describe_consumer_groups(list(GROUPS), request_timeout=_TIMEOUT_SECONDS)
    found = {}
    for group, answer in answers.items():
        described = answer_of(answer, _TIMEOUT_SECONDS * 2)
        found[group] = {
            member.client_id: {
                (place.topic, place.partition) for place in member.assignment.topic_partitions
            }
            for member in described.members
        }
    return found


def settled(
    kafka: KafkaSettings,
    dead_members_seconds_max: float = DEAD_MEMBERS_SECONDS_MAX,
    coordinator_seconds_max: float = COORDINATOR_SECONDS_MAX,
) -> Groups:
    """How the groups are, once they are empty or no more time is left."""
    began = time.monotonic()
    answered_at: float | None = None
    while True:
        try:
            is_empty = not any(members(kafka).values())
        except KafkaException as error:
            answered_at = None
            if time.monotonic() - began > coordinator_seconds_max:
                log.warning("a group is served by nobody", why=str(error))
                return Groups.NO_COORDINATOR
        else:
            if is_empty:
                return Groups.EMPTY
            answered_at = answered_at or time.monotonic()
            if time.monotonic() - answered_at > dead_members_seconds_max:
                return Groups.DEAD_MEMBERS
        time.sleep(_POLL_SECONDS)


def mend(
    look: Callable[[], Groups], restart: Callable[[], None], set_aside: Callable[[], None]
) -> None:
    """Mend what `look` finds, by the mildest means that helps. Raises UserError when none does."""
    for _ in range(RESTARTS_MAX):
        if (found := look()) == Groups.EMPTY:
            return
        log.warning("Kafka is started once more in good order", groups=found)
        restart()
    if (found := look()) == Groups.NO_COORDINATOR:
        log.warning("the offsets of groups are set aside: they read the log from its beginning")
        set_aside()
        found = look()
    if found != Groups.EMPTY:
        raise UserError(
            "groups_not_served",
            f"After an unclean end Kafka's consumer groups have {found}, also after it was "
            f"started {RESTARTS_MAX} more times in good order.",
            "Nothing is lost. Read kafka/server.log in the instance's folder; "
            "then try `chatlog down` and `chatlog up`.",
        )


def note_due(kafka_folder: Path) -> None:
    """The broker ended uncleanly: its groups are to be looked at while none of ours runs."""
    with suppress(OSError):  # a disk that is full is no reason not to stop or to start
        (kafka_folder / _DUE_FILE_NAME).touch()


def are_due(kafka_folder: Path) -> bool:
    """Whether `note_due` was called and the groups were not found in order since."""
    return (kafka_folder / _DUE_FILE_NAME).exists()


def note_done(kafka_folder: Path) -> None:
    """The groups are in order."""
    (kafka_folder / _DUE_FILE_NAME).unlink(missing_ok=True)


def set_aside_offsets(kafka_folder: Path) -> Path | None:
    """Move the stored offsets of a stopped broker out of its data; where they are then."""
    folders = sorted((kafka_folder / "data").glob("__consumer_offsets-*"))
    if not folders:
        return None
    aside = kafka_folder / f"offsets-set-aside-{int(time.time())}"
    aside.mkdir()
    for folder in folders:
        folder.rename(aside / folder.name)
    return aside
