"""What is kept of a measurement: the result, where and when it was made, and by which command.

Files of these in `docs/performance/` are what the tables of docs/performance.md are made from.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

from bench.circumstances import disturbances, machine, now
from bench.scenarios.edge import EdgeResult
from bench.scenarios.opens import OpensResult
from bench.scenarios.profile import ProfileResult
from bench.scenarios.scale import ScaleResult
from infra.checkout import CHECKOUT

FOLDER = CHECKOUT / "docs" / "performance"

Kept = ProfileResult | EdgeResult | ScaleResult | OpensResult


class Record(Struct, frozen=True, kw_only=True):
    """One result with its circumstances."""

    measured_at: str
    machine: str
    command: str
    disturbances: list[str]
    result: Kept


def record(command: str, result: Kept) -> Record:
    """A record of a result that was measured just now, here."""
    return Record(
        measured_at=now(),
        machine=machine(),
        command=command,
        disturbances=disturbances(result.jitter_before, result.jitter_after),
        result=result,
    )


def write(kept: Record, file: Path) -> None:
    """Write a record as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n")


def read(file: Path) -> Record | None:
    """The record in a file; None when there is no such file."""
    return msgspec.json.decode(file.read_bytes(), type=Record) if file.exists() else None
