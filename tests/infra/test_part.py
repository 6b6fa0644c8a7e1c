"""What is said about a part: in words, and once."""

import json
from pathlib import Path

from cli.progress import cells_of, line_of
from infra.stack.part import PartStatus, State, last_lines


def test_the_last_words_of_a_program_of_ours_are_words(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    told = {"event": "Kafka is away.", "level": "error", "timestamp": "2025", "broker": "a:1"}
    log.write_text(
        "plain words\n"
        f"{json.dumps(told)}\n"
        '{"event": "bye", "level": "info", "service": "edge"}\n'
        '["no", "event"]\n{"half\n'
    )
    assert last_lines(log) == [
        "plain words",
        "Kafka is away (broker a:1)",
        "bye",
        '["no", "event"]',
        '{"half',
    ]


def test_what_is_wrong_is_told_by_the_sentence_alone() -> None:
    died = PartStatus(name="redis", state=State.DIED, port=7, detail="it said \x1b[2J")
    assert cells_of(died) == ("redis", "died", "7", "", "")
    assert died.sentence == "redis has died: it said \x1b[2J."
    starting = PartStatus(name="kafka", state=State.STARTING, detail="\x1b[2J does not answer yet")
    assert line_of(starting).endswith("�[2J does not answer yet")
