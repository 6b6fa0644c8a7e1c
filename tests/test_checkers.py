"""The checkers find what they are there to find."""

from tests.checkers import Seen, nothing_lost_or_doubled, order_of_facts, same_view, ticks_hold

FACTS = [Seen(n, f"id-{n}", "ann", f"message {n}") for n in range(1, 5)]
SENT = [fact.message_id for fact in FACTS]


def test_all_holds() -> None:
    assert order_of_facts(FACTS) == []
    assert nothing_lost_or_doubled(SENT, FACTS) == []
    assert same_view("bob", list(FACTS), FACTS) == []
    assert ticks_hold({"id-1": 3}, 3) == []


def test_each_anomaly_is_named() -> None:
    assert "skip" in order_of_facts([FACTS[0], FACTS[2]])[0]
    assert nothing_lost_or_doubled([*SENT, "id-9"], FACTS) == ["lost: id-9"]
    assert nothing_lost_or_doubled(SENT, [*FACTS, FACTS[0]]) == ["doubled: id-1"]
    assert nothing_lost_or_doubled(SENT[1:], FACTS) == ["never sent: id-1"]
    assert "misses" in same_view("bob", FACTS[1:], FACTS)[0]
    assert "twice" in same_view("bob", [*FACTS[:2], *FACTS[1:]], FACTS)[0]
    assert "another order" in same_view("bob", FACTS[::-1], FACTS)[0]
    assert "other contents" in same_view("bob", [*FACTS[:3], Seen(4, "x", "ann", "y")], FACTS)[0]
    assert "below tick 3" in ticks_hold({"id-1": 2}, 3)[0]
