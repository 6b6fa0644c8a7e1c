"""Devices that ask for what is not theirs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bench.frames import text_frame
from events.ids import timed_id
from tests.simulation.faults.registry import fault

if TYPE_CHECKING:
    from tests.simulation.world import World


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
        {"type": "read", "conversation_id": own, "seq": 1_000_000},
        {"type": "fetch", "id": "foreign-1", "conversation_id": conversation_id, "after": 0},
        {"type": "fetch", "id": "foreign-2", "conversation_id": conversation_id, "before": 9},
    ):
        device.link.up.append(text_frame(json.dumps(frame).encode()))
