"""The main journeys once more, on the stack under lock; `CHATLOG_PROFILE=secure` plays all."""

from tests.journeys.test_conversation import (
    test_a_device_that_was_away_gets_everything_in_order,
    test_a_stranger_learns_nothing,
    test_both_directions_share_one_order,
    test_pages_go_both_ways,
    test_the_inbox_counts_what_is_unread,
    test_three_ticks_on_two_gateways,
)

__all__ = [
    "test_a_device_that_was_away_gets_everything_in_order",
    "test_a_stranger_learns_nothing",
    "test_both_directions_share_one_order",
    "test_pages_go_both_ways",
    "test_the_inbox_counts_what_is_unread",
    "test_three_ticks_on_two_gateways",
]
