"""A flame graph as one SVG file that needs nothing else: no script, no font, no link. Pure.

In: stacks with weights. Out: a box for each frame, as wide as the weight of what was called below
it; the root at the top. Pointing at a box shows its whole name and weight.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from zlib import crc32

from bench.profile.stacks import Stacks

_WIDTH = 1200
_ROW = 15
_MARGIN = 8
_HEAD = 34
_LETTER = 6.1
_SHOWN_MIN = 0.4

_HUES = {"(kernel)": 210, "in the kernel": 210, "librdkafka": 275, "[": 95}
"""Of what is not code of ours or a library's."""


@dataclass(slots=True)
class _Box:
    name: str
    weight: float = 0.0
    below: "dict[str, _Box]" = field(default_factory=dict)


def flame(title: str, stacks: Stacks, unit: str) -> str:
    """The picture; `unit` says what a weight is."""
    root = _Box("all")
    for stack, weight in stacks.items():
        root.weight += weight
        box = root
        for name in stack:
            box = box.below.setdefault(name, _Box(name))
            box.weight += weight
    height = _HEAD + _ROW * _depth(root) + _MARGIN
    boxes = "\n".join(_boxes(root, 0, 0.0, (_WIDTH - 2 * _MARGIN) / (root.weight or 1), root, unit))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'font-family="monospace" font-size="10">\n'
        f"<style>rect{{stroke:#fff;stroke-width:.5}}g:hover rect{{stroke:#000}}"
        f"text{{pointer-events:none}}</style>\n"
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>\n'
        f'<text x="{_MARGIN}" y="20" font-size="14">{escape(title)}</text>\n{boxes}\n</svg>\n'
    )


def _boxes(box: _Box, row: int, at: float, scale: float, root: _Box, unit: str) -> Iterator[str]:
    """This box and all below it, from this weight on."""
    width = box.weight * scale
    if width < _SHOWN_MIN:
        return
    x, y = _MARGIN + at * scale, _HEAD + row * _ROW
    said = f"{box.name}: {box.weight:.0f} {unit}, {box.weight / (root.weight or 1):.1%}"
    letters = int((width - 4) / _LETTER)
    label = ""
    if letters >= 3:
        shown = box.name if len(box.name) <= letters else box.name[: letters - 1] + "…"
        label = f'<text x="{x + 2:.1f}" y="{y + 11}">{escape(shown)}</text>'
    yield (
        f"<g><title>{escape(said)}</title>"
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_ROW}" '
        f'fill="{_colour(box.name)}"/>{label}</g>'
    )
    for child in sorted(box.below.values(), key=lambda child: child.name):
        yield from _boxes(child, row + 1, at, scale, root, unit)
        at += child.weight


def _depth(box: _Box) -> int:
    return 1 + max(map(_depth, box.below.values()), default=0)


def _colour(name: str) -> str:
    """The same colour for the same name in every picture."""
    drawn = crc32(name.encode())
    hue = next((hue for root, hue in _HUES.items() if name.startswith(root)), 20 + drawn % 40)
    return f"hsl({hue},{60 + drawn // 40 % 25}%,{66 + drawn // 1000 % 12}%)"
