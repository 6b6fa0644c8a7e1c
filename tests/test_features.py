"""Every event of a feature has its entry in each layer, or says that it has nothing there."""

from collections.abc import Iterable

import pytest

from events.features import FACT_TYPES, FEATURES, MOVE_TYPES, SUBMISSION_TYPES, modules, table

RULES = "processors.admission.features"

LAYERS: list[tuple[str, str, Iterable[type]]] = [
    (RULES, "EVOLVE", (*FACT_TYPES, *MOVE_TYPES)),
    ("processors.fanout.features", "SHOWN", (*FACT_TYPES, *MOVE_TYPES)),
    ("projections.history.features", "ROWS", FACT_TYPES),
    ("cli.features", "SENTENCES", (*SUBMISSION_TYPES, *FACT_TYPES, *MOVE_TYPES)),
]
BASE = (
    "conversation_id",
    "seq",
    "sender_id",
    "device_id",
    "client_message_id",
    "sent_at",
    "epoch",
    "submission_offset",
)


@pytest.mark.parametrize(("package", "name", "types"), LAYERS)
def test_each_type_has_its_entry_and_nothing_else_has(
    package: str, name: str, types: Iterable[type]
) -> None:
    assert set(table(package, name)) == set(types)


def test_each_submission_is_decided_or_moves_watermarks() -> None:
    decided, moved = table(RULES, "DECIDE"), table(RULES, "MOVE")
    assert decided.keys() | moved.keys() == set(SUBMISSION_TYPES)
    assert not decided.keys() & moved.keys()
    assert all(kind.__struct_fields__ for kind in decided)


def test_each_frame_of_a_client_is_submitted_or_tells_of_watermarks() -> None:
    frames, checked = table("edge.features", "FRAMES"), table("edge.features", "CHECK")
    submitted, marked = table("edge.features", "SUBMIT"), table("edge.features", "MARK")
    assert submitted.keys() | marked.keys() == set(frames.values()) == set(checked)
    assert not submitted.keys() & marked.keys()
    assert all("id" in kind.__struct_fields__ for kind in submitted)


@pytest.mark.parametrize("fact", FACT_TYPES)
def test_facts_have_what_the_core_knows_them_by(fact: type) -> None:
    assert set(BASE) <= set(fact.__struct_fields__)


@pytest.mark.parametrize("move", MOVE_TYPES)
def test_moves_say_which_watermark_they_move(move: type) -> None:
    assert move.kind in ("delivered", "read")


def test_every_module_in_a_folder_of_features_is_a_feature() -> None:
    from pathlib import Path

    root = Path(__file__).parent.parent
    found = {path.stem for path in root.glob("[!.]*/**/features/*.py") if path.stem != "__init__"}
    assert found <= set(FEATURES)


def test_two_features_cannot_claim_the_same_type(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *_ = modules(RULES)
    for module in modules(RULES):
        monkeypatch.setattr(module, "EVOLVE", {int: first})
    with pytest.raises(ValueError, match="another feature"):
        table(RULES, "EVOLVE")
