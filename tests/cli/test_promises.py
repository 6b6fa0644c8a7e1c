"""The demo's comparison finds what it is there to find: lost, doubled, reordered, never sent."""

from cli.demo.comparison import fallen
from cli.demo.promises import (
    Ledger,
    Seen,
    Ticks,
    difference,
    percentile,
    wrong_facts,
    wrong_order,
    wrong_ticks,
)

FACTS = [Seen(seq, f"id-{seq}", "ann" if seq % 2 else "bob", f"text {seq}") for seq in range(1, 7)]
ACCEPTED = {fact.id: fact.seq for fact in FACTS}


def test_equal_views_differ_in_nothing() -> None:
    assert difference("bob", list(FACTS), FACTS) == []
    assert wrong_facts(FACTS, ACCEPTED) == []


def test_each_kind_of_wrong_view_is_named() -> None:
    assert "lost 1" in difference("bob", [*FACTS[:3], *FACTS[4:]], FACTS)[0]
    assert "twice" in difference("bob", [*FACTS[:3], *FACTS[2:]], FACTS)[0]
    assert "another order" in difference("bob", FACTS[::-1], FACTS)[0]
    forged = [*FACTS[:5], FACTS[5]._replace(body="else")]
    assert difference("bob", forged, FACTS) == ["bob was shown something else than was sent"]


def test_each_kind_of_wrong_log_is_named() -> None:
    assert "gaps" in wrong_facts(FACTS[1:], {})[0]
    assert "twice" in wrong_facts([*FACTS[:5], FACTS[5]._replace(id="id-1")], ACCEPTED)[0]
    assert "not in the log" in wrong_facts(FACTS, ACCEPTED | {"id-9": 9})[0]
    assert "another place" in wrong_facts(FACTS, ACCEPTED | {"id-1": 2})[0]
    assert "never accepted" in wrong_facts(FACTS, {})[0]


def test_order_ticks_and_receipts_are_held_to_their_rules() -> None:
    assert wrong_order({"ann": ["id-1", "id-3", "id-5"]}, FACTS) == []
    assert wrong_order({"ann": ["id-3", "id-1", "id-5"]}, FACTS)
    assert wrong_ticks([Ticks(1, 2, 3), Ticks(1, 1, 1)]) == []
    assert wrong_ticks([Ticks(2, 1, 3)])
    assert fallen([("bob", "read", 1), ("bob", "read", 4), ("ann", "read", 2)]) == []
    assert fallen([("bob", "read", 4), ("bob", "read", 3)])


def test_one_broken_promise_breaks_the_demo() -> None:
    ledger = Ledger()
    ledger.check("this holds", "seen")
    assert ledger.held
    ledger.check("this does not", "seen", ["because"])
    assert not ledger.held


def test_percentiles() -> None:
    assert percentile([], 0.5) == 0
    assert [percentile(range(1, 101), share) for share in (0.5, 0.99)] == [51, 100]
