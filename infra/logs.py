"""Structured logs: one JSON object a line on standard error, readable lines on a terminal.

Never message bodies or tokens: callers log ids, positions and reasons.
"""

import faulthandler
import logging
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog


def set_up_logs(service: str, *, level: int = logging.INFO) -> None:
    """Set up logging of this process; called once, by its `__main__`.

    If a library written in C ends the process, the log says where each thread was.
    """
    faulthandler.enable()
    logging.basicConfig(stream=sys.stderr, level=level, format="%(levelname)s %(name)s %(message)s")
    for noisy in ("cassandra", "faust", "mode", "aiokafka", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # A server's opinion of a statement, repeated with each answer.
    logging.getLogger("cassandra.protocol").setLevel(logging.ERROR)
    terminal = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Lenient(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)


class _Lenient:
    """A stream that loses what it cannot write: on a full disk the program goes on all the same.

    The standard library's handlers do the same by themselves.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()
