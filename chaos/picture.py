"""A fault's timeline as a small SVG picture. Pure.

One column a half-second: what was sent (grey), accepted (blue) and shown to receivers (green) a
second. Red is the time that the fault held, a dashed line is when the last late message arrived.
"""

from __future__ import annotations

from collections.abc import Sequence

from chaos.timeline import BUCKET_SECONDS, Episode

WIDTH, HEIGHT = 720, 120
_LEFT, _RIGHT, _TOP, _BOTTOM = 36, 8, 18, 18


def svg(episode: Episode) -> str:
    """The picture of one fault."""
    samples = episode.samples
    start = samples[0].at
    seconds = max(BUCKET_SECONDS, samples[-1].at + BUCKET_SECONDS - start)
    highest = max(1, *(max(one.sent, one.accepted, one.shown) for one in samples)) / BUCKET_SECONDS

    def x(at: float) -> float:
        inner = WIDTH - _LEFT - _RIGHT
        return round(_LEFT + min(max(at - start, 0.0), seconds) / seconds * inner, 1)

    def y(rate: float) -> float:
        inner = HEIGHT - _TOP - _BOTTOM
        return round(HEIGHT - _BOTTOM - rate / highest * inner, 1)

    def line(counts: Sequence[int], colour: str) -> str:
        points = " ".join(
            f"{x(one.at + BUCKET_SECONDS / 2)},{y(count / BUCKET_SECONDS)}"
            for one, count in zip(samples, counts, strict=True)
        )
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'

    left, right = x(episode.struck_at), x(episode.healed_at)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="10">',
        f"<title>{episode.fault}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<rect x="{left}" y="{_TOP}" width="{max(2.0, round(right - left, 1))}" '
        f'height="{HEIGHT - _TOP - _BOTTOM}" fill="#f6c6c6"/>',
        line([one.sent for one in samples], "#b0b0b0"),
        line([one.accepted for one in samples], "#2060c0"),
        line([one.shown for one in samples], "#20a040"),
    ]
    if episode.felt_until > episode.struck_at:
        felt = x(episode.felt_until)
        parts.append(
            f'<line x1="{felt}" y1="{_TOP}" x2="{felt}" y2="{HEIGHT - _BOTTOM}" '
            f'stroke="#404040" stroke-dasharray="3 3"/>'
        )
    said = f"{episode.fault}: felt for {episode.felt_seconds:.1f} s, {episode.late} late"
    parts += [
        f'<text x="{_LEFT}" y="12">{said}</text>',
        f'<text x="2" y="{_TOP + 6}">{highest:.0f}/s</text>',
        f'<text x="2" y="{HEIGHT - _BOTTOM}">0</text>',
        f'<text x="{left}" y="{HEIGHT - 4}">0 s</text>',
        f'<text x="{WIDTH - _RIGHT}" y="{HEIGHT - 4}" text-anchor="end">'
        f"{start + seconds - episode.struck_at:.0f} s</text>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"
