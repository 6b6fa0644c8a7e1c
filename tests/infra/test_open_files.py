"""The limit of open files, in a process of its own, since it cannot be taken back."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from infra import open_files
from edge.__main__ import SPARE_FILES, fitting
from infra.settings import EdgeSettings
soft, hard, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(open_files.allow(wanted), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
print(fitting(EdgeSettings(gateway_id="one", sockets_max=wanted)).sockets_max)
"""


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "allowed", "limit", "sockets"),
    [
        (500, 4_000, 2_000, 2_000, 2_000, 2_000),
        (500, 4_000, 9_000, 4_000, 4_000, 3_000),
        (500, 600, 9_000, 600, 600, 1),
        (3_000, 4_000, 2_000, 2_000, 3_000, 2_000),
    ],
)
def test_it_is_raised_as_far_as_it_goes_and_a_gateway_takes_what_fits(
    soft: int, hard: int, wanted: int, allowed: int, limit: int, sockets: int
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(soft), str(hard), str(wanted)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    first, *_, last = ran.stdout.splitlines()
    assert first == f"{allowed} {limit}"
    assert last == str(sockets)
