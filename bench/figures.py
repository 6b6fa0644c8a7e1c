"""Quantiles of what was measured. Pure, exact: the samples themselves are kept, not buckets."""

from collections.abc import Sequence
from math import ceil

QUANTILES = {"p50_ms": 0.5, "p90_ms": 0.9, "p99_ms": 0.99, "max_ms": 1.0}

Quantiles = dict[str, float]


def quantiles_ms(seconds: Sequence[float]) -> Quantiles:
    """The usual quantiles, in milliseconds, and how many samples there were."""
    ordered = sorted(seconds)
    found = {name: round(_at(ordered, share) * 1000, 2) for name, share in QUANTILES.items()}
    return {"count": len(ordered), **found}


def _at(ordered: Sequence[float], share: float) -> float:
    """The smallest sample that this share of all does not exceed; 0 when there is none."""
    if not ordered:
        return 0.0
    return ordered[max(0, ceil(share * len(ordered)) - 1)]
