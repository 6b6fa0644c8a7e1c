"""The conversations of a long log: so many at a time, and all of them in the end."""

from random import Random

import pytest

from bench.long_log import Plan, message


def conversations(plan: Plan) -> list[str]:
    draw = Random(plan.seed)
    return [message(draw, number, plan).conversation_id for number in range(plan.messages)]


@pytest.mark.parametrize(("at_a_time", "stretches"), [(10, 5), (50, 1), (500, 1), (20, 3)])
def test_people_talk_in_so_many_conversations_then_in_the_next(at_a_time, stretches):
    plan = Plan(messages=6_000, conversations=50, at_a_time=at_a_time)
    said = conversations(plan)
    length = plan.messages // stretches
    parts = [set(said[start : start + length]) for start in range(0, plan.messages, length)]
    assert len(parts) == stretches
    assert sum(map(len, parts)) == len(set(said)) == plan.conversations
    assert max(map(len, parts)) == min(at_a_time, plan.conversations)


def test_fewer_messages_than_conversations_are_still_a_log():
    assert len(conversations(Plan(messages=3, conversations=50, at_a_time=10))) == 3
