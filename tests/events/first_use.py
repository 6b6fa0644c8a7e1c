"""Threads of a new process decode each event for the first time, all at once."""

import contextlib
import sys
from io import BytesIO
from threading import Barrier, Thread

from fastavro import parse_schema, schemaless_writer
from fastavro.utils import generate_one

from events.codec import EVENTS, DecodeError, plain, schema_of
from tests.examples import codec

THREADS = 4


def written(number: int, event: type) -> bytes:
    """Some record of this event's schema; what it says does not matter."""
    schema = parse_schema(plain(schema_of(event)))
    out = BytesIO()
    schemaless_writer(out, schema, generate_one(schema))
    return b"\x00" + number.to_bytes(4, "big") + out.getvalue()


def main() -> None:
    """End with 0 if the process lives."""
    records = [written(number, event) for number, event in enumerate(EVENTS.values(), 1)]
    decode = codec().decode
    together = Barrier(THREADS)

    def decode_all() -> None:
        for record in records:
            together.wait()
            with contextlib.suppress(DecodeError):
                decode(record)

    sys.setswitchinterval(1e-6)
    threads = [Thread(target=decode_all) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
