"""Which errors pass by themselves: the store or broker is away, overloaded or slow.

In: an exception of cassandra-driver, redis, confluent-kafka or asyncio. Out: whether the same work,
simply done again, may succeed. Work that fails so has an unknown outcome and is repeated with the
same positions, which changes nothing; any other error is a fault of the program.
"""

import socket

import cassandra
import redis.exceptions
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionException
from cassandra.protocol import (
    IsBootstrappingErrorMessage,
    OverloadedErrorMessage,
    ServerError,
    TruncateError,
)
from confluent_kafka import KafkaError, KafkaException

_TRANSIENT = (
    TimeoutError,
    ConnectionError,
    BufferError,
    socket.gaierror,
    NoHostAvailable,
    ConnectionException,
    cassandra.OperationTimedOut,
    cassandra.Timeout,
    cassandra.Unavailable,
    cassandra.CoordinationFailure,
    IsBootstrappingErrorMessage,
    OverloadedErrorMessage,
    ServerError,
    TruncateError,
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
)

_REDIS_PASSING = frozenset(
    (
        "BUSY",
        "CLUSTERDOWN",
        "LOADING",
        "MASTERDOWN",
        "MISCONF",
        "OOM",
        "READONLY",
        "TRYAGAIN",
    )
)
"""First words of Redis error replies that say: not now."""

_KAFKA_LASTING = frozenset(
    (
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.INVALID_CONFIG,
        KafkaError.UNSUPPORTED_VERSION,
        KafkaError._INVALID_ARG,
        KafkaError._AUTHENTICATION,
    )
)


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed when it is done again."""
    if isinstance(error, KafkaException):
        reason = error.args[0]
        if not isinstance(reason, KafkaError) or reason.fatal():
            return False
        return reason.code() not in _KAFKA_LASTING
    if isinstance(error, redis.exceptions.ResponseError):
        return str(error).partition(" ")[0] in _REDIS_PASSING
    return isinstance(error, _TRANSIENT)
