"""Deleting an instance deletes nothing else."""

from pathlib import Path

import pytest

from infra.errors import UserError
from infra.stack.stack import Stack


def test_a_folder_that_holds_something_else_is_not_deleted(tmp_path: Path) -> None:
    thesis = tmp_path / "sub" / "thesis.txt"
    thesis.parent.mkdir()
    thesis.write_text("years of work")
    with pytest.raises(UserError) as refused:
        Stack(tmp_path).wipe()
    assert refused.value.code == "not_a_stack"
    assert thesis.read_text() == "years of work"
    assert [entry.name for entry in tmp_path.iterdir()] == ["sub"]


def test_what_is_left_of_an_instance_is_deleted(tmp_path: Path) -> None:
    """Also when an earlier deletion was cut short."""
    folder = tmp_path / "instance"
    (folder / "kafka").mkdir(parents=True)
    (folder / "kafka" / "log").write_text("x")
    (folder / "ports.json").write_text("{}")
    Stack(folder).wipe()
    assert not folder.exists()


@pytest.mark.parametrize("names", [(), ("lock",)])
def test_a_folder_without_anything_of_anybody_is_deleted(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    folder = tmp_path / "instance"
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    Stack(folder).wipe()
    assert not folder.exists()


def test_there_may_be_nothing_to_delete(tmp_path: Path) -> None:
    Stack(tmp_path / "none").wipe()
