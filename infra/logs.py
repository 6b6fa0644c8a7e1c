"""Structured logs: one JSON object a line on standard error, readable lines on a terminal.

Never message bodies or tokens: callers log ids, positions and reasons.
"""

import faulthandler
import logging
import sys

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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
