"""Whatever the bytes: kept inputs have their outcome, changed ones do no harm, faults are found."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import fault as limits
from tests.fuzz.corpus import CORPUS, FOUND, Seed, keep, seeds
from tests.fuzz.fault import Fault, in_time, must
from tests.fuzz.hunt import Hunt, attempt, harm, hunt
from tests.fuzz.planted import PLANTED
from tests.fuzz.targets import TARGETS

SEEDS = [seed for target in TARGETS for seed in seeds(target)]

_SECONDS = 1.5
_SECONDS_FOR_A_FAULT = 40.0


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed.target}-{seed.name}")
def test_what_is_kept_has_its_outcome(seed: Seed) -> None:
    outcome = attempt(TARGETS[seed.target], seed.data)
    assert outcome == seed.outcome or seed.outcome == FOUND


def test_every_target_has_inputs_that_are_taken_and_inputs_that_are_not() -> None:
    kept = {folder.name for folder in CORPUS.iterdir() if folder.is_dir()}
    assert kept == set(TARGETS)
    for target in TARGETS:
        assert len({seed.outcome for seed in SEEDS if seed.target == target}) >= 4


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_no_changed_input_does_harm(target: str) -> None:
    kept = [seed.data for seed in seeds(target)]
    inputs, found = hunt(TARGETS[target], kept, _SECONDS, number=len(kept))
    assert found is None, f"{found and found.data!r} led to {found and found.error!r}"
    assert inputs > 10


@pytest.mark.parametrize("fault", sorted(PLANTED))
def test_a_planted_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target, near, plant = PLANTED[fault]
    run, kept = TARGETS[target], [seed.data for seed in seeds(target) if near in seed.name]
    monkeypatch.setattr(limits, "SECONDS_MAX", 0.3)
    plant(monkeypatch)
    harmless = [data for data in kept if harm(run, data) is None]
    assert harmless, "the fault spares nothing"
    found = hunt(run, harmless, _SECONDS_FOR_A_FAULT, number=1).found
    assert found is not None
    assert found.data not in harmless
    monkeypatch.undo()
    assert harm(run, found.data) is None


def test_what_was_found_is_as_small_as_it_can_be() -> None:
    def bad(data: bytes) -> str:
        must(b"\xff" not in data, "a byte that no input may hold")
        return "taken"

    found = hunt(bad, [b"x" * 50 + b"\xff" + b"y" * 50], 1.0, number=1).found
    assert found is not None
    assert found.data == b"\xff"
    assert isinstance(found.error, Fault)


def test_the_same_number_tries_the_same_inputs() -> None:
    def tried(number: int) -> list[bytes]:
        inputs: list[bytes] = []

        def target(data: bytes) -> str:
            inputs.append(data)
            must(len(inputs) < 200, "that is enough")
            return "taken"

        assert isinstance(hunt(target, [b"abc", b"defg"], 10.0, number), Hunt)
        return inputs[:200]

    assert tried(1) == tried(1)
    assert tried(1) != tried(2)


def test_what_never_ends_is_ended() -> None:
    def endless() -> None:
        while True:
            pass

    with pytest.raises(Fault, match="processor time"), in_time(0.05):
        endless()


def test_what_is_found_is_kept_and_tried_again(tmp_path: Path) -> None:
    path = keep("codec", b"\x00\x01", tmp_path)
    assert path == keep("codec", b"\x00\x01", tmp_path)
    assert list(seeds("codec", tmp_path)) == [Seed("codec", FOUND, path.name, b"\x00\x01")]


def test_the_fuzzer_says_what_came_of_it_in_one_sentence() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--target", "codec", "--seconds", "0.5"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("codec: ")
    assert ended.stdout.endswith("and nothing found.\n")
