"""Devices that ask for what is not theirs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bench.frames import text_frame
from events.ids import timed_id
from events.messages import MessageSubmitted
from events.receipts import Marker, MarkersSubmitted
from events.topics import SUBMISSIONS, partition_of
from tests.simulation.faults.registry import fault
from tests.simulation.parts import CODEC

if TYPE_CHECKING:
    from tests.simulation.world import World

_HOUR_MS = 3_600_000


@fault
def stranger_speaks(world: World) -> None:
    """A device sends to, and marks, a conversation of others, and marks what nobody wrote yet."""
    device = world.random.choice(world.devices)
    if device.link is None or not device.online:
        return
    one, other = (user for user in ("ann", "bob", "cat") if user != device.user_id)
    conversation_id = f"d:{one}:{other}"
    world.written += 1
    own = f"d:{':'.join(sorted((device.user_id, one)))}"
    for frame in (
        {
            "type": "send",
            "id": timed_id(world.now_ms(), world.written),
            "conversation_id": conversation_id,
            "body": f"stranger {world.written}",
        },
        {"type": "read", "conversation_id": conversation_id, "seq": 1},
        {"type": "delivered", "conversation_id": conversation_id, "seq": 1},
        {"type": "delivered", "conversation_id": own, "seq": 1_000_000},
        {"type": "fetch", "id": "foreign-1", "conversation_id": conversation_id, "after": 0},
        {"type": "fetch", "id": "foreign-2", "conversation_id": conversation_id, "before": 9},
    ):
        device.link.up.append(text_frame(json.dumps(frame).encode()))


@fault
def a_gateway_lets_everything_through(world: World) -> None:
    """What gateways refuse reaches the log: admission alone decides who may say what."""
    stranger, one, other = world.random.sample(("ann", "bob", "cat"), 3)
    conversation_id = f"d:{':'.join(sorted((one, other)))}"
    hours = world.random.choice((-6, 0, 0, 6))
    world.written += 1
    message = MessageSubmitted(
        conversation_id=conversation_id,
        sender_id=one if hours else stranger,
        device_id="elsewhere",
        client_message_id=timed_id(world.now_ms() + hours * _HOUR_MS, world.written),
        kind="text",
        body=f"let through {world.written}",
        submitted_at=world.now_ms(),
    )
    marker = Marker(
        conversation_id=conversation_id,
        user_id=stranger,
        device_id="elsewhere",
        kind="read",
        seq=1,
    )
    place = (SUBMISSIONS.name, partition_of(conversation_id))
    for event in (message, MarkersSubmitted(markers=(marker,))):
        world.parts.log.append(place, conversation_id.encode(), CODEC.encode(event))
