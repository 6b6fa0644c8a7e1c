"""What every test may use: the real stack, started once a session and only when a test asks.

`stack` is a running `Stack` with all catalogues applied, in a folder of its own that is wiped
first and stopped at the end, also on Ctrl-C and SIGTERM. A test that breaks a part starts it again.
Two test sessions in one checkout take different folders (`.chatlog/test`, `.chatlog/test-2`, …).
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import hypothesis
import pytest

from infra import catalogues
from infra.checkout import CHECKOUT
from infra.settings import load
from infra.stack.stack import Stack

# How long one example takes says more about the machine than about the code.
hypothesis.settings.register_profile("chatlog", deadline=None)
hypothesis.settings.load_profile("chatlog")


PROFILE = os.environ.get("CHATLOG_PROFILE", "plain")
"""`secure` runs everything that takes `stack` on one under lock."""


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    if PROFILE == "secure":
        yield request.getfixturevalue("locked")
        return
    with _running(secure=False) as stack:
        yield stack


@pytest.fixture(scope="session")
def locked() -> Iterator[Stack]:
    """The same under lock: TLS and passwords everywhere, least rights."""
    with _running(secure=True) as stack:
        yield stack


@contextmanager
def _running(*, secure: bool) -> Iterator[Stack]:
    with ExitStack() as cleanup:
        stack = Stack(_free_folder(cleanup), quick=True, secure=secure)
        stack.wipe()
        cleanup.callback(stack.stop)
        previous = signal.signal(signal.SIGTERM, _end_the_session)
        cleanup.callback(signal.signal, signal.SIGTERM, previous)
        stack.start()
        catalogues.apply(load(catalogues.CatalogueSettings, stack.environment()))
        yield stack


def _free_folder(cleanup: ExitStack) -> Path:
    """The first folder that no other test session holds; what killed sessions left is ended."""
    base = CHECKOUT / ".chatlog"
    base.mkdir(exist_ok=True)
    free = []
    for name in ("test", *(f"test-{number}" for number in range(2, 10))):
        held = cleanup.enter_context((base / f"{name}.held").open("w"))
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        if free:
            Stack(base / name).stop()
            held.close()
        free.append(base / name)
    if not free:
        raise RuntimeError("nine test sessions run in this checkout already")
    return free[0]


def _end_the_session(number: int, frame: object) -> None:
    pytest.exit("ended by SIGTERM", returncode=143)
