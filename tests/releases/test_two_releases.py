"""A release is rolled out, and back, while people write (docs/deploying.md, ADR 0022).

Each test begins with the workers of one release. The log is one, and what a newer release wrote
stays in it: the test without a further event comes first.
"""

import asyncio

import pytest
from confluent_kafka import Producer

from events.codec import schema_of
from events.deliveries import FramesRouted
from events.topics import DELIVERIES, SUBMISSIONS, delivery_topic
from infra.catalogues import CatalogueSettings
from infra.registry_client import RegistryClient
from infra.settings import load as load_settings
from infra.stack.part import State
from infra.stack.stack import Stack
from tests.live import kafka_of, records, until
from tests.releases.load import Load
from tests.releases.log import facts, messages_by_mood
from tests.releases.newer import EVENT_NAME, MOOD, THIS, Release
from tests.releases.workers import GATEWAYS, Processes

pytestmark = pytest.mark.timeout(900)

READERS = ("fanout", "history", "snapshots")
"""The roles that read facts as they come."""


async def test_a_further_field_goes_out_and_back_and_nothing_stops(
    own: Stack, processes: Processes, load: Load, with_field: Release
) -> None:
    await processes.start("old", THIS)
    async with load:
        with_field.run("cli", "schemas", "apply", settings=own.environment())
        await processes.start("new", with_field)
        await until_both_decide(own, processes, "old", "new")
        await processes.end("old")
        await processes.roll_gateways(with_field)
        await load.goes_on()

        await processes.roll_gateways(THIS)
        await processes.start("old again", THIS)
        await until_both_decide(own, processes, "old again", "new")
        await processes.end("new")
        await load.goes_on()
        await load.ends_whole()
        assert processes.stopped("old again") == {}


async def test_a_gateway_that_meets_an_event_of_newer_workers_ends_and_says_so(
    own: Stack, processes: Processes, load: Load
) -> None:
    """Workers were replaced before gateways; its people are on the other one, and may come back."""
    await processes.start("old", THIS)
    async with load:
        deliver_what_is_newer(own, GATEWAYS[0])
        await until(lambda: own.part_status(GATEWAYS[0]).state == State.DIED, what="its end")
        said = own.part_status(GATEWAYS[0]).detail
        assert f"{delivery_topic(GATEWAYS[0])} holds an event of a newer release" in said
        await load.goes_on()
        await asyncio.to_thread(own.start_part, GATEWAYS[0])
        await load.ends_whole()


async def test_an_event_that_the_older_release_does_not_know_stops_its_roles(
    own: Stack, processes: Processes, load: Load, with_event: Release
) -> None:
    """Only admission is new at first, so that each role that reads facts meets the event."""
    await processes.start("old", THIS)
    async with load:
        with_event.run("cli", "schemas", "apply", settings=own.environment())
        await processes.start("new admission", with_event, ("admission",))
        await processes.until_shared("old", "new admission")
        await load.send_odd()
        await processes.until_stopped("old", *READERS)
        await processes.end("new admission")
        said = await processes.until_stopped("old", "admission", *READERS)
        status, log = own.part_status("old"), own.part("old").log_file.read_text()
        assert status.state == State.HALTED
        for role, line in said.items():
            assert f" holds {EVENT_NAME} (schema id " in line, role
            assert "Deploy the release that writes it, or a later one" in line, role
            assert line in log, role
            assert f"{role} has stopped: {line.rstrip('.')}" in status.detail
        assert {*said} == {"admission", *READERS}, "a role that reads no facts stopped"
        assert processes.readiness("old")[0] == 503

        await processes.start("new", with_event)
        await processes.until_alone("new", "admission", *READERS)
        await load.goes_on()
        assert processes.stopped("old") == said
        await processes.end("old")
        await load.ends_whole()


async def test_back_from_an_event_stands_still_and_loses_nothing(
    own: Stack, processes: Processes, load: Load, with_event: Release
) -> None:
    """The older release beside the newer one harms nothing; alone it decides nothing."""
    with_event.run("cli", "schemas", "apply", settings=own.environment())
    await processes.start("new", with_event)
    async with load:
        await load.send_odd()
        await until(lambda: refused_by_event(own, load) == len(load.odd), what="the event")
        await processes.start("old", THIS)
        said = await processes.until_stopped("old", "admission", "snapshots")
        assert all(EVENT_NAME in line for line in said.values())
        await load.goes_on()

        await processes.end("new")
        decided, submitted = len(facts(own)), submissions(own)
        await until(lambda: submissions(own) > submitted, what="a submission that waits")
        assert len(facts(own)) == decided
        assert processes.readiness("old")[0] == 503

        await processes.start("new again", with_event)
        await load.goes_on()
        await processes.end("old")
        await load.ends_whole()
        for model in ("history", "receipts"):
            with_event.run(
                "replay", "verify", model, "--wait-seconds", "240", settings=own.environment()
            )


async def until_both_decide(stack: Stack, processes: Processes, *names: str) -> None:
    """Wait until the two releases decide beside each other; no role of either has stopped."""
    await processes.until_shared(*names)
    before = messages_by_mood(stack)

    def decided() -> bool:
        now = messages_by_mood(stack)
        return all(now[mood] > before[mood] for mood in ("", MOOD))

    await until(decided, what="messages of both releases")
    assert [processes.stopped(name) for name in names] == [{}, {}]


def refused_by_event(stack: Stack, load: Load) -> int:
    """How many of Eve's messages were refused with the further event."""
    hers = {outgoing.id for outgoing in load.odd}
    refused = (fact.fields for fact in facts(stack) if fact.event == EVENT_NAME)
    return len(hers & {fields["client_message_id"] for fields in refused})


def deliver_what_is_newer(stack: Stack, gateway_id: str) -> None:
    """Append an event that only the fan-out of some newer release knows."""
    schema = schema_of(FramesRouted) | {"name": "FramesGreeted"}
    topic = DELIVERIES.name
    with RegistryClient(load_settings(CatalogueSettings, stack.environment()).registry) as registry:
        schema_id = registry.register(f"{topic}-{topic}.FramesGreeted", schema)
    value = b"\x00" + schema_id.to_bytes(4, "big") + b"whatever its fields are"
    producer = Producer(kafka_of(stack).connection())
    producer.produce(delivery_topic(gateway_id), value, partition=0)
    assert producer.flush(60) == 0


def submissions(stack: Stack) -> int:
    """How many submissions there are."""
    return sum(
        len(records(stack, SUBMISSIONS.name, partition))
        for partition in range(SUBMISSIONS.partitions)
    )
