"""Turns to judge, without a system."""

from bench.commands import Loaded
from bench.peers.results import Comparison, Described, Phase, Sockets, Turn


def phase(per_second=100.0, p50=2.0, late=0, doubled=0, others=0.0, copies=None, cpu=50.0) -> Phase:
    quantiles = {"count": 9, "p50_ms": p50, "p90_ms": 5.0, "p99_ms": 9.0, "max_ms": 9.0}
    return Phase(
        per_second=per_second,
        loaded=Loaded(
            messages=1_000,
            measured_messages=900,
            latencies={"accepted": quantiles, "delivered": quantiles},
            late=quantiles,
            missing={"accepted": 0, "delivered": late},
            doubled=doubled,
            reordered=0,
            gaps=0,
            problems={},
            settled_after_seconds=0.1,
        ),
        microseconds_a_message={"server": cpu, "database": 20.0, "client": 10.0},
        others_cores=others,
        copies_a_message=copies,
    )


def turn(system="ours", number=1, attempt=1, jitter=0.01, failed="", **phases) -> Turn:
    given = {"steady": phase(), "flows": {"1": phase(), "8": phase(300.0)}, "group": None}
    return Turn(
        system=system,
        round=number,
        attempt=attempt,
        jitter_before=0.01,
        jitter_after=jitter,
        seconds=60.0,
        sockets=Sockets(count=1_000, connected_seconds=1.0, kib_each=12.0),
        failed=failed,
        **{**given, **phases},
    )


def described(name: str) -> Described:
    return Described(
        name=name,
        title=f"The {name}",
        versions={name: "1.0"},
        acked="when it is taken",
        kept="in a place",
        receipts="none",
        configured="as it comes",
        differs="",
        rate=500.0,
        pairs=50,
    )


def comparison(turns: list[Turn], discarded: tuple[Turn, ...] = ()) -> Comparison:
    return Comparison(
        measured_at="2026-01-01T00:00:00Z",
        machine="2 cores",
        command="chatlog bench peers",
        rounds=max(one.round for one in turns),
        body_bytes=80,
        steady_seconds=20.0,
        flow_seconds=6.0,
        systems=[described(name) for name in dict.fromkeys(one.system for one in turns)],
        turns=turns,
        discarded=list(discarded),
    )
