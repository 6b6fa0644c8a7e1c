"""docs/redis.md has a row for every key that the stores use."""

from pathlib import Path

from infra.redis import RUN
from projections.heads import keys as heads
from projections.sessions import keys as sessions

PAGE = Path(__file__).parents[2] / "docs" / "redis.md"
KEYS = (
    RUN,
    heads.LIFE,
    heads.standing("<conversation>"),
    heads.recent("<user>"),
    sessions.sessions("<user>"),
    sessions.gateway("<gateway>"),
    sessions.gateway_position("<gateway>"),
    sessions.OWED,
)


def test_every_key_says_what_bounds_it_and_what_happens_when_it_is_lost() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    for key in KEYS:
        (row,) = [line for line in rows if f"`{key}`" in line.split(" | ")[0]]
        assert len(row.replace("\\|", "").strip("| ").split(" | ")) == 5
