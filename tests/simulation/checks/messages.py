"""Messages: none lost, none twice, one order, no hole."""

from collections import Counter
from collections.abc import Iterator

from events.ids import made_at
from events.members import members_of
from events.messages import MessageSent
from events.topics import SUBMISSIONS
from processors.admission.decider import AHEAD_MS
from tests.simulation.checks.registry import check
from tests.simulation.checks.seen import Seen

_MINUTE_MS = 60_000


@check("loss", "I1")
def loss(seen: Seen) -> Iterator[str]:
    """What was written, and above all what was accepted, is a fact."""
    seqs = {fact.body: fact.seq for fact in seen.sent}
    for device, conversation_id, bodies in seen.written():
        for body in bodies:
            if body not in seqs:
                yield f"{body!r} was written to {conversation_id} and is no fact"
        for body, seq in device.accepted.items():
            if body in seqs and seqs[body] != seq:
                yield f"{body!r} was accepted as {seq} and is {seqs[body]}"


@check("doubles", "I3")
def doubles(seen: Seen) -> Iterator[str]:
    """No message is two facts."""
    for body, count in Counter(fact.body for fact in seen.sent).items():
        if count > 1:
            yield f"{body!r} is {count} facts"


@check("order", "I4")
def order(seen: Seen) -> Iterator[str]:
    """Seqs rise by 1 and time never runs back."""
    by_conversation: dict[str, list[MessageSent]] = {}
    for fact in seen.sent:
        by_conversation.setdefault(fact.conversation_id, []).append(fact)
    for conversation_id, facts in by_conversation.items():
        if [fact.seq for fact in facts] != list(range(1, len(facts) + 1)):
            yield f"{conversation_id} has seqs {[fact.seq for fact in facts]}"
        times = [fact.sent_at for fact in facts]
        if times != sorted(times):
            yield f"time runs back in {conversation_id}"


@check("pipelining", "I5")
def pipelining(seen: Seen) -> Iterator[str]:
    """What a device wrote to a conversation has the order in which it was written."""
    by_conversation: dict[str, list[MessageSent]] = {}
    for fact in seen.sent:
        by_conversation.setdefault(fact.conversation_id, []).append(fact)
    for device, conversation_id, bodies in seen.written():
        mine = [
            fact.body for fact in by_conversation.get(conversation_id, ()) if fact.body in bodies
        ]
        if list(dict.fromkeys(mine)) != [body for body in bodies if body in mine]:
            yield f"{device.user_id}/{device.device_id} wrote {bodies}, it is {mine}"


@check("times", "I3")
def times(seen: Seen) -> Iterator[str]:
    """No clock alone moves the log's time further ahead than clocks may differ."""
    if any(place[0] == SUBMISSIONS.name for place, _ in seen.world.hostile):
        return  # who may write there may make up a gateway's clock
    latest = seen.world.now_ms() + AHEAD_MS
    for fact in seen.sent:
        if fact.sent_at > latest:
            yield f"{fact.body!r} was sent {fact.sent_at - latest} ms from now"


@check("ages", "I3")
def ages(seen: Seen) -> Iterator[str]:
    """An admitted message's id was made at most 10 minutes before, or 5 minutes after, its time."""
    for fact in seen.sent:
        made = made_at(fact.client_message_id)
        if made is not None and not -_MINUTE_MS * 5 <= fact.sent_at - made <= _MINUTE_MS * 10:
            yield f"{fact.body!r} was admitted {fact.sent_at - made} ms after its id was made"


@check("holes", "I6")
def holes(seen: Seen) -> Iterator[str]:
    """Every device was handed every message of its conversations, once, in order."""
    for device in seen.world.devices:
        expected: dict[str, list[tuple[int, str]]] = {}
        for fact in seen.sent:
            if device.user_id in members_of(fact.conversation_id):
                expected.setdefault(fact.conversation_id, []).append((fact.seq, fact.body))
        handed: dict[str, list[tuple[int, str]]] = {}
        for conversation_id, seq, body in device.handed:
            if device.user_id in members_of(conversation_id):  # of others, `membership` judges
                handed.setdefault(conversation_id, []).append((seq, body))
        if handed != expected:
            name = f"{device.user_id}/{device.device_id}"
            yield f"{name} was handed {handed}, there is {expected}"
