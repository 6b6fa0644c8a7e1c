"""A file is never seen half written, whoever reads it while it is replaced."""

import threading
from pathlib import Path

import pytest

from infra.files import OWNER_ONLY, write_whole


def test_a_file_is_replaced_with_its_mode_and_nothing_else_is_left(tmp_path: Path):
    file = tmp_path / "known.json"
    file.write_text("old")
    write_whole(file, "new\n", OWNER_ONLY)
    assert file.read_text() == "new\n"
    assert file.stat().st_mode & 0o777 == OWNER_ONLY
    assert list(tmp_path.iterdir()) == [file]


def test_a_write_that_fails_leaves_all_as_it_was(tmp_path: Path):
    folder = tmp_path / "a folder"
    (folder / "within").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        write_whole(folder, "text")
    assert list(tmp_path.iterdir()) == [folder]


def test_a_reader_beside_writers_sees_only_whole_files(tmp_path: Path):
    file = tmp_path / "known"
    texts = ["a" * 100_000, "b" * 50_000]
    write_whole(file, texts[0])
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            for text in texts:
                write_whole(file, text)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        seen = {file.read_text() for _ in range(500)}
    finally:
        done.set()
        for writer in writers:
            writer.join()
    assert seen <= set(texts)
