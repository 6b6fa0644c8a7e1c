"""The rights under lock as data: complete, and no more than the catalogue says."""

import pytest

from events.topics import DEAD_LETTERS, EVENT_TOPICS, GROUPS, TOPICS
from infra import access
from infra.access import Grant, Operation, Resource, kafka_grants
from infra.lag import TOPICS_READ

PRINCIPALS = ("edge-gateway-1", *GROUPS)
ALTERING = {Operation.CREATE, Operation.ALTER, Operation.ALTER_CONFIGS}


def allowed(operation: Operation, topic: str) -> set[str]:
    return {
        principal
        for principal in PRINCIPALS
        for one in kafka_grants(principal)
        if (one.operation, one.resource) == (operation, Resource.TOPIC)
        and (topic.startswith(one.name) if one.prefixed else topic == one.name)
    }


@pytest.mark.parametrize("topic", [topic.name for topic in TOPICS])
def test_who_writes_and_reads_a_topic_is_who_the_catalogue_says(topic: str) -> None:
    (known,) = [one for one in TOPICS if one.name == topic]
    named = {"edge": "edge-gateway-1"}
    for operation, names in ((Operation.WRITE, known.producers), (Operation.READ, known.consumers)):
        assert allowed(operation, topic) == {named.get(name, name) for name in names}


def test_every_topic_of_events_has_a_writer_and_a_reader() -> None:
    for topic in EVENT_TOPICS:
        name = f"{topic.name}.gateway-1" if topic.per_gateway else topic.name
        assert allowed(Operation.WRITE, name), name
        assert allowed(Operation.READ, name), name


def test_every_group_reads_what_its_source_takes() -> None:
    for group, topics in TOPICS_READ.items():
        for topic in topics:
            assert group in allowed(Operation.READ, topic.name)


def test_only_a_gateway_makes_a_topic_and_only_its_own() -> None:
    making = {
        (principal, one.name, one.prefixed)
        for principal in PRINCIPALS
        for one in kafka_grants(principal)
        if one.operation in ALTERING
    }
    assert making == {("edge-gateway-1", "chat.deliveries.gateway-1", False)}


def test_nobody_reads_dead_letters_but_the_operator() -> None:
    for topic in DEAD_LETTERS:
        assert allowed(Operation.READ, topic.name) == set()


def test_a_gateway_that_is_called_as_a_role_has_the_rights_of_a_gateway() -> None:
    called = access.edge_principal("history")
    assert access.component_of(called).name == access.EDGE
    reading = Grant(Operation.READ, Resource.TOPIC, "chat.conversations")
    assert reading not in kafka_grants(called)


@pytest.mark.parametrize("name", ["edge", "operator", "kafka", "somebody", ""])
def test_who_is_no_component_has_no_rights(name: str) -> None:
    with pytest.raises(KeyError):
        kafka_grants(name)


def test_a_table_is_written_by_one_component() -> None:
    for table in access.TABLES:
        writers = [one.name for one in access.COMPONENTS.values() if table in one.modifies]
        assert len(writers) == 1, table


def test_no_program_is_given_a_dangerous_command() -> None:
    for component in access.COMPONENTS.values():
        # flushdb is given: what another run of Redis left is deleted (ADR 0024)
        assert not {"eval", "keys", "scan", "config", "flushall"} & set(component.redis_commands)
        assert not any(word.startswith("@") for word in component.redis_commands)
        assert "~*" not in component.redis_keys
