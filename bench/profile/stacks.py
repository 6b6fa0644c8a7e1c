"""Collapsed stacks: one line a stack, frames from the root, a weight at the end. Pure.

In and out: the format every flame graph tool reads, `root;caller;called 12`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

Stack = tuple[str, ...]
Stacks = Mapping[Stack, float]

OTHERS = "(less)"
"""Stands for frames that were too small to be shown."""


def parse(text: str) -> dict[Stack, float]:
    """The stacks of a file; lines without a weight are left out."""
    found: dict[Stack, float] = defaultdict(float)
    for line in text.splitlines():
        frames, _, weight = line.rpartition(" ")
        if frames and weight.isdigit():
            found[tuple(map(_named, frames.split(";")))] += int(weight)
    return dict(found)


def _named(frame: str) -> str:
    """A frame; where all that is known is a file, its name, not where it lies on a machine."""
    return frame.rpartition("/")[2] if frame.startswith("/") else frame


def collapsed(stacks: Stacks) -> str:
    """The file of stacks, in the order of their frames."""
    lines = (
        f"{';'.join(stack)} {round(weight)}"
        for stack, weight in sorted(stacks.items())
        if round(weight)
    )
    return "".join(f"{line}\n" for line in lines)


def total(stacks: Stacks) -> float:
    """The weight of all."""
    return sum(stacks.values())


def merged(parts: Iterable[Stacks]) -> dict[Stack, float]:
    """All stacks of several sources."""
    found: dict[Stack, float] = defaultdict(float)
    for part in parts:
        for stack, weight in part.items():
            found[stack] += weight
    return dict(found)


def scaled(stacks: Stacks, weight: float) -> dict[Stack, float]:
    """The same proportions with another total; nothing stays nothing."""
    before = total(stacks)
    return {stack: one * weight / before for stack, one in stacks.items()} if before else {}


def under(root: str, stacks: Stacks) -> dict[Stack, float]:
    """Every stack below one more frame."""
    return {(root, *stack): weight for stack, weight in stacks.items()}


def pruned(stacks: Stacks, share_min: float) -> dict[Stack, float]:
    """Frames below this share of all become one frame beside their larger siblings."""
    inclusive: dict[Stack, float] = defaultdict(float)
    for stack, weight in stacks.items():
        for end in range(1, len(stack) + 1):
            inclusive[stack[:end]] += weight
    bound = total(stacks) * share_min
    kept: dict[Stack, float] = defaultdict(float)
    for stack, weight in stacks.items():
        depth = next((at for at in range(1, len(stack) + 1) if inclusive[stack[:at]] < bound), None)
        kept[stack if depth is None else (*stack[: depth - 1], OTHERS)] += weight
    return dict(kept)
