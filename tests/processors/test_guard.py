"""What becomes of a batch: handled, retried in place, set aside, fenced off, or the end."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import OFFSET_BEGINNING, Message, TopicPartition
from msgspec import Struct

from events.codec import Codec, schema_of
from events.conversations import WriterClaimed
from events.fence import NO_EPOCH
from events.marks import Mark
from events.messages import MessageSubmitted
from events.topics import CONVERSATIONS, SUBMISSIONS
from infra.reading import NewerRelease
from infra.telemetry import WORKER_RECORDS, Telemetry
from processors.admission.decider import decide
from processors.admission.place import Place
from processors.admission.state import initial
from processors.guard import LOOK_UPS_AT_A_TIME, Guard, Handler
from processors.positions import Positions
from processors.received import Poison, Received
from tests.examples import NOON, codec, submitted
from tests.simulation.kafka import Log, SimulatedReader

CODEC = codec()


class Aside:
    """Dead letters that are only remembered, and confirmed a moment later."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.confirmed: list[str] = []

    def set_aside(self, record: Message, code: str, detail: str) -> "asyncio.Future[int]":
        self.codes.append(code)
        loop = asyncio.get_running_loop()
        confirmation: asyncio.Future[int] = loop.create_future()

        def confirm() -> None:
            self.confirmed.append(code)
            confirmation.set_result(0)

        loop.call_later(0.01, confirm)
        return confirmation


def record(event: Struct | bytes, offset: int, topic: str = SUBMISSIONS.name) -> Message:
    value = event if isinstance(event, bytes) else CODEC.encode(event)
    return Message(topic=topic, partition=0, offset=offset, value=value, timestamp=(2, NOON))


async def guard_of(
    handler: Handler,
    *,
    fenced: bool = False,
    codec: Codec = CODEC,
    look_up: Callable[[int], bool] = lambda schema_id: False,
) -> tuple[Guard, Aside, Telemetry]:
    aside, telemetry = Aside(), Telemetry("test")
    guard = Guard(
        "history",
        handler,
        codec=codec,
        look_up=look_up,
        dead_letters=aside,  # type: ignore[arg-type]
        telemetry=telemetry,
        positions=Positions("history", 0, lambda: SimulatedReader(Log(lambda: NOON))),  # type: ignore[arg-type, return-value]
        fenced=fenced,
    )
    await guard.assigned([TopicPartition(CONVERSATIONS.name, 0, OFFSET_BEGINNING)])
    return guard, aside, telemetry


def counted(telemetry: Telemetry) -> dict[str, float]:
    """Records by outcome, as a scrape shows them."""
    found = {}
    for line in telemetry.render().decode().splitlines():
        if line.startswith(WORKER_RECORDS.exposed):
            found[line.split('outcome="')[1].split('"')[0]] = float(line.split()[-1])
    return found


async def test_a_transient_error_is_retried_with_the_same_batch_until_it_passes() -> None:
    calls: list[list[int]] = []
    waited: list[bool] = []

    async def handler(batch: Sequence[Received]) -> None:
        calls.append([one.offset for one in batch])
        waited.append(guard.progress.retrying)
        if len(calls) < 4:
            raise ConnectionError("the store is away")

    guard, aside, _ = await guard_of(handler)
    await guard.take([record(submitted(n), n) for n in (1, 2)])

    assert calls == [[1, 2]] * 4
    assert waited == [False, True, True, True]
    assert not guard.progress.retrying
    assert aside.codes == []


async def test_poison_is_set_aside_and_the_rest_of_the_batch_goes_on() -> None:
    handled: list[int] = []

    async def handler(batch: Sequence[Received]) -> None:
        for one in batch:
            if one.offset == 2:
                raise Poison(one, "bad_name", "It cannot be.")
        handled.extend(one.offset for one in batch)

    guard, aside, telemetry = await guard_of(handler)
    events: list[Struct | bytes] = [submitted(1), submitted(2), b"no event", submitted(4)]
    await guard.take([record(event, offset) for offset, event in enumerate(events, 1)])

    assert handled == [1, 4]
    assert sorted(aside.codes) == ["bad_name", "malformed"]
    assert counted(telemetry) == {"handled": 2, "dead": 2}


async def test_nothing_has_an_effect_before_dead_letters_are_confirmed() -> None:
    """The next owner goes on behind the effects, and would never meet the record again."""
    confirmed: list[list[str]] = []

    async def handler(batch: Sequence[Received]) -> None:
        confirmed.append(list(aside.confirmed))
        for one in batch:
            if one.offset == 2:
                raise Poison(one, "bad_name", "It cannot be.")

    guard, aside, _ = await guard_of(handler)
    await guard.take([record(b"no event", 1), record(submitted(2), 2), record(submitted(3), 3)])

    assert confirmed == [["malformed"], ["malformed", "bad_name"]]


async def test_any_other_error_is_left_to_end_the_process() -> None:
    async def handler(batch: Sequence[Received]) -> None:
        raise KeyError("a fault of the program")

    guard, _, _ = await guard_of(handler)
    with pytest.raises(KeyError):
        await guard.take([record(submitted(1), 1)])


async def test_records_of_an_old_writer_are_counted_and_not_handled() -> None:
    handled: list[int] = []

    async def handler(batch: Sequence[Received]) -> None:
        handled.extend(one.offset for one in batch)

    def fact(epoch: int) -> Struct:
        return decide(initial(), submitted(1), Place(epoch, 0, NOON))

    guard, aside, telemetry = await guard_of(handler, fenced=True)
    claim = WriterClaimed(writer_id="someone")
    log = [claim, fact(0), claim, fact(0), fact(2), submitted(1)]
    await guard.take(
        [record(event, offset, CONVERSATIONS.name) for offset, event in enumerate(log)]
    )

    assert handled == [1, 4]
    assert aside.codes == ["wrong_topic"]
    assert guard.epoch_of(CONVERSATIONS.name, 0) == 2
    assert counted(telemetry) == {"handled": 2, "fenced": 3, "dead": 1}
    assert sum(counted(telemetry).values()) == len(log)


async def test_an_event_of_a_newer_release_stops_the_role_before_anything_has_an_effect() -> None:
    handled: list[int] = []

    async def handler(batch: Sequence[Received]) -> None:
        handled.extend(received.offset for received in batch)

    old = codec()
    edited = schema_of(MessageSubmitted) | {"name": "MessageEdited"}
    guard, aside, _ = await guard_of(handler, codec=old, look_up=lambda one: old.learn(one, edited))
    newer = b"\x00" + (901).to_bytes(4, "big") + b"whatever it is"
    with pytest.raises(NewerRelease, match=r"chat.submissions 0 holds MessageEdited .*offset 6"):
        await guard.take([record(b"nonsense", 5), record(newer, 6), record(submitted(), 7)])
    assert (handled, aside.codes) == ([], [])
    await guard.take([record(newer, 8, CONVERSATIONS.name)])
    assert aside.codes == ["wrong_topic"]


async def test_an_id_waits_for_the_registry_and_one_that_nobody_knows_is_poison() -> None:
    handled: list[Struct] = []
    asked: list[int] = []

    async def handler(batch: Sequence[Received]) -> None:
        handled.extend(received.event for received in batch)

    old = codec()
    wider = schema_of(MessageSubmitted)
    wider["fields"].append({"name": "mood", "type": "string", "default": ""})

    def look_up(schema_id: int) -> bool:
        asked.append(schema_id)
        if len(asked) == 1:
            raise ConnectionError("the registry is away")
        return schema_id == 900 and old.learn(900, wider)

    guard, aside, _ = await guard_of(handler, codec=old, look_up=look_up)
    later = b"\x00" + (900).to_bytes(4, "big") + CODEC.encode(submitted())[5:] + b"\x00"
    await guard.take([record(later, 1)])
    assert (handled, asked) == ([submitted()], [900, 900])
    strange = [record(b"\x00" + (77_777).to_bytes(4, "big") + b"x", at) for at in (2, 3)]
    await guard.take([*strange, record(later, 4)])
    assert (handled, asked) == ([submitted()] * 2, [900, 900, 77_777])
    assert aside.codes == ["unknown_schema"] * 2


async def test_many_unknown_ids_are_asked_about_side_by_side_and_each_answer_is_progress() -> None:
    together = threading.Barrier(LOOK_UPS_AT_A_TIME)
    under_way = Counter[str]()
    asked: list[int] = []
    lock = threading.Lock()
    ids = range(50_000, 50_000 + 3 * LOOK_UPS_AT_A_TIME)

    def look_up(schema_id: int) -> bool:
        with lock:
            asked.append(schema_id)
            under_way["now"] += 1
            under_way["most"] = max(under_way["most"], under_way["now"])
        together.wait(60.0)  # none is answered before a whole group was asked about
        with lock:
            under_way["now"] -= 1
        return False

    async def handler(batch: Sequence[Received]) -> None:
        pass

    loop = asyncio.get_running_loop()
    threads = ThreadPoolExecutor(LOOK_UPS_AT_A_TIME * 2)
    loop.set_default_executor(threads)
    guard, aside, _ = await guard_of(handler, look_up=look_up)
    guard.progress.batch_since = 0.0
    await guard.take(
        [record(b"\x00" + one.to_bytes(4, "big") + b"x", at) for at, one in enumerate(ids)]
    )
    assert under_way["most"] == LOOK_UPS_AT_A_TIME
    assert sorted(asked) == list(ids)
    assert guard.progress.batch_since > 0.0
    assert len(aside.codes) == len(ids)


async def test_ids_that_were_answered_are_not_asked_about_again_when_another_fails() -> None:
    asked = Counter[int]()

    def look_up(schema_id: int) -> bool:
        asked[schema_id] += 1
        if schema_id == 50_001 and asked[schema_id] == 1:
            raise ConnectionError("the registry is away")
        return False

    async def handler(batch: Sequence[Received]) -> None:
        pass

    guard, _, _ = await guard_of(handler, look_up=look_up)
    await guard.take(
        [record(b"\x00" + (50_000 + n).to_bytes(4, "big") + b"x", n) for n in range(3)]
    )
    assert asked == {50_000: 1, 50_001: 2, 50_002: 1}


async def test_poison_below_what_was_acknowledged_is_not_set_aside_again() -> None:
    handled: list[int] = []

    async def handler(batch: Sequence[Received]) -> None:
        for received in batch:
            if received.offset in (3, 7):
                raise Poison(received, "wrong_partition", "it does not belong here")
        handled.extend(received.offset for received in batch)

    guard, aside, _ = await guard_of(handler)
    mark = str(Mark(0, 5, NO_EPOCH, ""))
    guard.read_before([TopicPartition(SUBMISSIONS.name, 0, 5, metadata=mark)])
    await guard.take([record(b"nonsense", 2), record(submitted(), 3), record(submitted(), 4)])
    assert (handled, aside.codes) == ([4], [])
    await guard.take([record(b"nonsense", 6), record(submitted(), 7), record(submitted(), 8)])
    assert (handled, aside.codes) == ([4, 8], ["malformed", "wrong_partition"])


@pytest.mark.parametrize("metadata", ["", "by somebody else", str(Mark(1, 5, NO_EPOCH, ""))])
async def test_an_offset_that_is_not_of_this_log_says_nothing_about_its_poison(
    metadata: str,
) -> None:
    async def handler(batch: Sequence[Received]) -> None:
        pass

    guard, aside, _ = await guard_of(handler)
    own = str(Mark(0, 5, NO_EPOCH, ""))
    guard.read_before([TopicPartition(SUBMISSIONS.name, 0, 5, metadata=own)])
    guard.read_before([TopicPartition(SUBMISSIONS.name, 0, 5, metadata=metadata)])
    await guard.take([record(b"nonsense", 2)])
    assert aside.codes == ["malformed"]
