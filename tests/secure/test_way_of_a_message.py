"""The main journeys once more, on the stack under lock; `CHATLOG_PROFILE=secure` plays all."""

import asyncio
import contextlib

import pytest

from client.errors import Unanswered
from client.messages import direct_conversation
from infra.stack.stack import Stack
from tests.journeys.test_conversation import (
    test_a_device_that_was_away_gets_everything_in_order,
    test_a_stranger_learns_nothing,
    test_both_directions_share_one_order,
    test_pages_go_both_ways,
    test_the_inbox_counts_what_is_unread,
    test_three_ticks_on_two_gateways,
)
from tests.journeys.traffic import Traffic
from tests.live import WAIT_SECONDS

__all__ = [
    "test_a_device_that_was_away_gets_everything_in_order",
    "test_a_stranger_learns_nothing",
    "test_both_directions_share_one_order",
    "test_pages_go_both_ways",
    "test_the_inbox_counts_what_is_unread",
    "test_three_ticks_on_two_gateways",
]


@pytest.mark.parametrize("role", ["fanout", "history", "receipts", "sessions", "queries"])
async def test_each_role_goes_on_where_it_was_when_it_starts_again(
    system: Stack, traffic: Traffic, role: str
) -> None:
    """Under lock it may look at the log where it goes on."""
    ann, bob = traffic.pairs[6]
    await (await ann.client.send(bob.user_id, f"before {role} starts again")).read(60)
    system.kill(f"worker-{role}")
    system.start_part(f"worker-{role}")
    sent = await ann.client.send(bob.user_id, f"after {role} started again")
    await sent.read(60)
    conversation = direct_conversation(ann.user_id, bob.user_id)
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            with contextlib.suppress(Unanswered):  # a row may take its time
                page = await ann.client.fetch(conversation, before=sent.seq + 1, limit=1)
                if [event.seq for event in page.events] == [sent.seq]:
                    break
            await asyncio.sleep(0.2)
