"""Settings that promises rest on, asked of the real parts."""

import asyncio
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
import redis
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from events.topics import CONVERSATIONS, TOPICS
from infra import cassandra, catalogues, topics
from infra.demands import redis as demands_of_redis
from infra.demands.at_start import cluster_breaches, kafka_breaches
from infra.errors import UserError
from infra.settings import load
from infra.stack import services
from infra.stack.doctor import examine
from tests.live import kafka_of, redis_of, until


@pytest.fixture
def known(stack):
    return load(catalogues.CatalogueSettings, stack.environment())


def test_the_local_stack_is_set_as_it_must_be(stack, known):
    assert kafka_breaches(known.kafka, list(TOPICS)) == []
    assert cluster_breaches(known.kafka) == []
    assert cassandra.breaches(known.cassandra) == []
    assert demands_of_redis.breaches(redis_of(stack)) == []
    said = {finding.subject: finding for finding in examine(stack)}
    assert all(said[f"settings of {part}"].ok for part in ("kafka", "cassandra", "redis"))


def test_facts_are_kept_whatever_the_brokers_default_is(stack, known):
    """A topic without a retention.bytes of its own would follow the broker's default."""
    admin = AdminClient(known.kafka.connection())
    delete_own(admin, CONVERSATIONS.name, "retention.bytes")
    (breach,) = kafka_breaches(known.kafka, [CONVERSATIONS])

    assert breach.demand.name == "retention.bytes"
    changes = topics.apply(known.kafka)
    assert changes.changed == {CONVERSATIONS.name: {"retention.bytes": "-1"}}
    assert kafka_breaches(known.kafka, [CONVERSATIONS]) == []


def delete_own(admin: AdminClient, topic: str, name: str) -> None:
    entry = ConfigEntry(name, "", incremental_operation=AlterConfigOpType.DELETE)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(30)


def test_a_raised_number_of_copies_is_not_passed_over(known):
    """CREATE KEYSPACE IF NOT EXISTS leaves a keyspace as it is."""
    raised = known.cassandra.model_copy(update={"replication_factor": 2})
    with pytest.raises(UserError) as refused:
        cassandra.apply(raised)

    assert refused.value.code == "setting_refused"
    assert "1 node" in refused.value.sentence
    assert [one.demand.name for one in cassandra.breaches(raised)] == ["replication"]


def test_writes_that_are_not_durable_are_found_and_made_so(known):
    session = cassandra.connect(known.cassandra)
    try:
        session.execute("ALTER KEYSPACE chat WITH durable_writes = false")
    finally:
        session.cluster.shutdown()
    assert [one.demand.name for one in cassandra.breaches(known.cassandra)] == ["durable_writes"]

    cassandra.apply(known.cassandra)
    assert cassandra.breaches(known.cassandra) == []


@contextmanager
def redis_set(stack, name, value):
    """A setting of the running server, put back afterwards."""
    settings = redis_of(stack)
    ca_file = None if settings.ca_file is None else {"ssl_ca_certs": str(settings.ca_file)}
    client = redis.Redis.from_url(settings.url, decode_responses=True, **(ca_file or {}))
    before = client.config_get(name)[name]
    client.config_set(name, value)
    try:
        yield settings
    finally:
        client.config_set(name, before)
        client.close()


def test_a_redis_that_evicts_is_found(stack):
    with redis_set(stack, "maxmemory-policy", "allkeys-lru") as settings:
        (breach,) = demands_of_redis.breaches(settings)

    assert breach.demand.name == "maxmemory-policy"


async def test_a_worker_ends_with_one_sentence_beside_a_redis_that_evicts(stack):
    worker = services.worker(stack.ports, "demanding", ("fanout",))
    worker = replace(worker, principal="fanout")
    part = None
    with redis_set(stack, "maxmemory-policy", "allkeys-lru"):
        worker.save(stack.folder)
        try:
            stack.admit("fanout")
            part = stack.part("demanding")
            with suppress(UserError):  # it may end before or after it was ready for a moment
                await asyncio.to_thread(stack.run, worker)
            await until(lambda: not is_up(stack), seconds=120, what="the end of the worker")
        finally:
            stack.stop_part("demanding")
            worker.forget(stack.folder)
    said = part.log_file.read_text()

    assert "maxmemory-policy of Redis at 127.0.0.1" in said
    assert "must be noeviction" in said


def is_up(stack) -> bool:
    return stack.part_status("demanding").pid is not None


def test_the_operator_knows_kafka(stack):
    """What this file asks is asked as the operator, also under lock."""
    assert cluster_breaches(kafka_of(stack)) == []
