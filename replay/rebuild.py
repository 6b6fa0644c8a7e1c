"""Every row from nothing: the keyspace is deleted, and the groups that write it begin the log anew.

What an operator does who has lost Cassandra, or trusts it no more: stop the workers of `GROUPS`,
rebuild, start them. People go on chatting meanwhile; pages of history are short until it is done.
Ended in the middle it may be done again: a row that is written twice is the same row.
"""

from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from infra import cassandra
from infra.errors import UserError
from infra.exits import Exit
from infra.settings import CassandraSettings, KafkaSettings

GROUPS = ("history", "receipts")
"""The groups whose effects are rows."""

_KAFKA_SECONDS = 30.0
_NEVER_THERE = (KafkaError.GROUP_ID_NOT_FOUND,)


@dataclass(frozen=True, slots=True)
class RebuildSettings:
    """Where the log and the rows are."""

    kafka: KafkaSettings
    cassandra: CassandraSettings


def rebuild(settings: RebuildSettings, *, sure: bool) -> None:
    """Delete every row, and forget how far its groups have come.

    Raises UserError: `not_sure`; `group_in_use` when a worker of theirs runs, before anything is
    deleted; `kafka_failed`, `cassandra_failed`.
    """
    if not sure:
        raise UserError(
            "not_sure",
            f"This deletes every row of the keyspace {settings.cassandra.keyspace}.",
            "To do it, stop the workers that write rows, and say --yes.",
            exit_status=Exit.USAGE,
        )
    admin = AdminClient({**settings.kafka.connection(), "log_level": 0})
    for group, forgotten in admin.delete_consumer_groups(list(GROUPS)).items():
        try:
            forgotten.result(_KAFKA_SECONDS)
        except KafkaException as error:
            if error.args[0].code() not in _NEVER_THERE:
                raise _refused(group, error.args[0]) from error
        except TimeoutError as error:
            raise UserError(
                "kafka_failed",
                f"Kafka at {settings.kafka.bootstrap} does not answer; nothing was deleted.",
                "Run `chatlog status`; if Kafka does not run: `chatlog up`.",
            ) from error
    cassandra.drop(settings.cassandra)
    cassandra.apply(settings.cassandra)


def _refused(group: str, error: KafkaError) -> UserError:
    if error.code() == KafkaError.NON_EMPTY_GROUP:
        return UserError(
            "group_in_use",
            f"A worker of {group} runs.",
            "Stop every worker that writes rows; one that was killed is a member for 6 s more.",
        )
    return UserError(
        "kafka_failed",
        f"Kafka did not forget how far {group} has come: {error.str()}.",
        "Run `chatlog status`; if Kafka does not run: `chatlog up`.",
    )
