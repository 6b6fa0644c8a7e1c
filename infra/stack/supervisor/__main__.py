"""The supervisor of a local instance: `python -m infra.stack.supervisor <folder> [--quick]`.

It ends with SIGTERM, as `chatlog down` sends it before it stops the parts, and by itself when its
instance is gone. Its log has a line for each death and each restart.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import structlog

from infra.exits import Exit
from infra.logs import set_up_logs
from infra.stack.part import PID_FILE_NAME
from infra.stack.stack import Stack
from infra.stack.supervisor import book, orders
from infra.stack.supervisor.supervisor import Supervisor

_LOOK_FOR_ORDERS_SECONDS = 0.05

log = structlog.get_logger()


def main(arguments: list[str]) -> int:
    """Look after an instance until told to end."""
    set_up_logs("supervisor")
    folder, jars = Path(arguments[0]), Path(arguments[1])
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with suppress(OSError):  # times of an earlier run say nothing; on a full disk they stay
        book.write(folder, {})
    stack = Stack(folder, jars=jars, quick="--quick" in arguments)
    supervisor = Supervisor(
        stack,
        on_change=lambda all_of_it: book.write(folder, all_of_it),
        on_trouble=lambda trouble: book.write_trouble(folder, trouble),
    )
    supervisor.start()
    own = folder / book.SUPERVISOR / PID_FILE_NAME
    desk = orders.Desk(folder)
    while not stop.wait(_LOOK_FOR_ORDERS_SECONDS):
        for carried in desk.carry_out_all():
            if carried.record is None:
                log.warning("an order failed", part=carried.part, why=carried.problem)
            else:
                log.info("a part was started", part=carried.part, pid=carried.record.pid)
        if not own.exists():
            time.sleep(1.0)  # it is written just after this process has begun
            if not own.exists():
                break
    supervisor.stop()
    # A start that is under way is not waited for: who ends the instance ends that too.
    os._exit(Exit.DONE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
