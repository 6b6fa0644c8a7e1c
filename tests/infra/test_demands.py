"""Settings that promises rest on: what is demanded, and what is said of a value that differs."""

import threading
from dataclasses import replace

import pytest

from events.topics import TOPICS
from infra.access import COMPONENTS, Operation, edge_principal, kafka_grants
from infra.demands.at_start import ask_in_background, topics_of
from infra.demands.cassandra import copies_of, keyspace_change, missing_columns, require_nodes
from infra.demands.catalogue import (
    BATCH_BYTES_MIN,
    BROKER_DEMANDS,
    DEMANDS,
    NODE_DEMANDS,
    REDIS_DEMANDS,
    TOPIC_DEMANDS,
    Breach,
    breaches_of,
    number_of,
    refuse,
)
from infra.demands.kafka import needs_every_copy
from infra.demands.redis import values_of
from infra.errors import UserError
from infra.migrations import catalogue, statements_of
from infra.settings import CassandraSettings
from infra.statements import BATCH_BYTES
from infra.topics import config_of

GOOD = {
    "auto.create.topics.enable": "false",
    "offsets.retention.minutes": "10080",
    "log.cleaner.enable": "true",
    "group.coordinator.rebalance.protocols": "classic,consumer,streams",
    "commitlog_sync": "group",
    "batch_size_fail_threshold": "50KiB",
    "maxmemory-policy": "noeviction",
    "redis_version": "7.0.15",
    "cluster-enabled": "no",
}
BAD = {
    "auto.create.topics.enable": "true",
    "offsets.retention.minutes": "1440",
    "log.cleaner.enable": "false",
    "group.coordinator.rebalance.protocols": "classic",
    "commitlog_sync": "periodic",
    "batch_size_fail_threshold": "5KiB",
    "maxmemory-policy": "allkeys-lru",
    "redis_version": "6.2.6",
    "cluster-enabled": "yes",
}
ASKED = (*BROKER_DEMANDS, *NODE_DEMANDS, *REDIS_DEMANDS)
SIMPLE = "org.apache.cassandra.locator.SimpleStrategy"
BY_DATACENTER = "org.apache.cassandra.locator.NetworkTopologyStrategy"


@pytest.mark.parametrize(
    ("copies", "needed", "is_stopped"),
    [(1, 1, False), (2, 1, False), (2, 2, True), (3, 2, False), (3, 3, True)],
)
def test_one_broker_stops_a_topic_of_which_every_copy_must_hold_a_record(
    copies, needed, is_stopped
):
    """One copy cannot be asked to spare one."""
    assert needs_every_copy(copies, needed) is is_stopped


@pytest.mark.parametrize("demand", ASKED, ids=lambda demand: demand.name)
def test_each_demand_takes_what_is_good_and_nothing_else(demand):
    assert breaches_of([demand], "x", GOOD) == []
    (breach,) = breaches_of([demand], "x", BAD)

    assert BAD[demand.name] in breach.sentence
    assert demand.demanded in breach.sentence
    assert breach.sentence.endswith(".")


def test_a_setting_that_a_part_does_not_know_is_not_asked():
    assert breaches_of(ASKED, "x", {}) == []


def test_every_demand_has_a_name_of_its_own_and_names_its_promise():
    assert len({(demand.where, demand.name) for demand in DEMANDS}) == len(DEMANDS)
    assert all(demand.promise.startswith("I") for demand in DEMANDS)


def test_the_list_holds_every_setting_that_the_apply_step_pins():
    pinned = {name for topic in TOPICS for name in config_of(topic)}

    assert pinned == {demand.name for demand in TOPIC_DEMANDS}


def test_our_batches_are_smaller_than_what_is_demanded():
    assert BATCH_BYTES <= BATCH_BYTES_MIN


@pytest.mark.parametrize(
    ("said", "number"),
    [("50KiB", 51_200), ("1MiB", 1 << 20), ("-1", -1), ("7 B", 7), ("x", None), ("", None)],
)
def test_a_size_is_a_number_of_bytes(said, number):
    assert number_of(said) == number


def test_what_is_refused_is_one_sentence_and_one_remedy():
    breaches = [Breach(demand, "x", BAD[demand.name]) for demand in REDIS_DEMANDS[:2]]
    with pytest.raises(UserError) as refused:
        refuse(breaches)

    assert refused.value.code == "setting_refused"
    assert refused.value.exit_status == 78
    assert "allkeys-lru" in refused.value.sentence
    assert "1 more" in refused.value.sentence
    refuse([])


def test_redis_is_understood():
    info = {"maxmemory_policy": "noeviction", "cluster_enabled": 0, "redis_version": "7.0.15"}

    assert values_of(info) == {name: GOOD[name] for name in values_of(info)}
    assert len(values_of(info)) == len(REDIS_DEMANDS)
    assert values_of({}) == {}


def settings(copies: int) -> CassandraSettings:
    return CassandraSettings(replication_factor=copies, datacenter="dc1")


@pytest.mark.parametrize(
    ("replication", "copies"),
    [
        ({"class": SIMPLE, "replication_factor": "2"}, 2),
        ({"class": BY_DATACENTER, "dc1": "3", "dc2": "1"}, 3),
        ({"class": BY_DATACENTER, "dc2": "1"}, 0),
        ({"class": BY_DATACENTER, "dc1": "3/1"}, 3),
    ],
)
def test_copies_are_those_of_our_data_centre(replication, copies):
    assert copies_of(replication, "dc1") == copies


def test_one_copy_more_is_an_alteration_of_the_keyspace():
    one = {"class": SIMPLE, "replication_factor": "1"}
    two = {"class": BY_DATACENTER, "dc1": "2"}

    assert keyspace_change(one, True, settings(1), 1) is None
    assert keyspace_change(one, True, settings(2), 3) == (
        "ALTER KEYSPACE chat WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 2} "
        "AND durable_writes = true"
    )
    assert keyspace_change(two, True, settings(3), 3).count("'dc1': '3'") == 1


def test_copies_of_other_data_centres_stay():
    both = {"class": BY_DATACENTER, "dc1": "2", "dc2": "3"}
    assert keyspace_change(both, True, settings(3), 3) == (
        f"ALTER KEYSPACE chat WITH replication = {{'class': '{BY_DATACENTER}', 'dc1': '3', "
        "'dc2': '3'} AND durable_writes = true"
    )
    elsewhere = {"class": BY_DATACENTER, "dc2": "3"}
    assert "'dc2': '3', 'dc1': '1'" in str(keyspace_change(elsewhere, True, settings(1), 1))


def test_a_strategy_that_is_not_known_is_not_replaced():
    with pytest.raises(UserError, match="EverywhereStrategy"):
        keyspace_change({"class": "EverywhereStrategy"}, True, settings(1), 1)


def test_durable_writes_are_switched_on_and_copies_stay():
    change = keyspace_change({"class": SIMPLE, "replication_factor": "1"}, False, settings(1), 1)

    kept = f"{{'class': '{SIMPLE}', 'replication_factor': '1'}}"
    assert change == f"ALTER KEYSPACE chat WITH replication = {kept} AND durable_writes = true"


@pytest.mark.parametrize(
    ("has", "wants", "nodes", "said"),
    [(1, 3, 3, "has 1"), (3, 1, 3, "has 3"), (1, 2, 1, "has 1 node")],
)
def test_what_could_lose_rows_is_refused(has, wants, nodes, said):
    replication = {"class": SIMPLE, "replication_factor": str(has)}
    with pytest.raises(UserError) as refused:
        keyspace_change(replication, True, settings(wants), nodes)

    assert refused.value.code == "setting_refused"
    assert said in refused.value.sentence
    assert refused.value.remedy.startswith("Nothing was applied.")


def test_a_new_keyspace_needs_as_many_nodes_as_copies():
    with pytest.raises(UserError):
        require_nodes(settings(3), 1)
    require_nodes(settings(3), 3)


def test_a_table_of_another_release_is_named_with_what_it_lacks():
    columns = {"marker_moves": {"conversation_id", "user_id", "kind", "seq", "moved_at"}}
    (breach,) = missing_columns(columns, statements_of(catalogue()))

    assert breach.place == "table marker_moves"
    assert breach.found == "without device_id"


@pytest.mark.parametrize("name", [*COMPONENTS])
def test_under_lock_a_program_may_ask_about_its_own_topics_and_no_others(name):
    principal = edge_principal("g") if name == "edge" else name
    asked = {
        grant.name
        for grant in kafka_grants(principal)
        if grant.operation == Operation.DESCRIBE_CONFIGS
    }

    assert asked - {"chat.deliveries.g"} == {topic.name for topic in topics_of(name)}


def test_a_part_that_is_away_is_asked_again_until_it_answers():
    answers = [OSError("away"), OSError("away"), []]
    asked, breaches = [], []

    def ask():
        answer = answers.pop(0)
        asked.append(answer)
        if isinstance(answer, Exception):
            raise answer
        return answer

    ask_in_background({"x": ask}, breaches.append, again_seconds=0.001).join(60)

    assert len(asked) == 3
    assert breaches == []


def test_a_breach_ends_the_program_while_others_are_away():
    ended = threading.Event()
    said = []

    def away():
        raise OSError("away")

    def refuse(sentence):
        said.append(sentence)
        ended.set()

    breach = Breach(replace(REDIS_DEMANDS[0]), "Redis", "allkeys-lru")
    ask_in_background({"x": away, "redis": lambda: [breach]}, refuse, again_seconds=0.001)

    assert ended.wait(60)
    assert said == [f"{breach.sentence} {breach.remedy}"]
