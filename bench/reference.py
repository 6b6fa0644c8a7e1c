"""Reference work of fixed kinds: `python -m bench.reference work|round <rate> <seconds> …`.

How much CPU time the same work takes differs between machines and from minute to minute. This does
what our processes do (Avro, JSON, hashing, system calls, records to Kafka and back), at their pace,
and uses nothing of theirs: it changes only when the machine or a library does. Changing this file
needs a new baseline.

`work` needs nobody; `round` sends records through Kafka (two more arguments: bootstrap, topic) and
reads them back. Says `begin` when it is warm, and `end` with the CPU microseconds of one unit.
"""

import io
import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from hashlib import sha256

import fastavro
import msgspec
from confluent_kafka import Consumer, Producer

RECORD_BYTES = 250

_WARM_UP_SECONDS = 2.0
_KAFKA_SECONDS = 30.0
_FIELDS = ("conversation", "sender", "device", "message", "kind", "body")
_SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "Reference",
        "fields": [
            *({"name": name, "type": "string"} for name in _FIELDS),
            {"name": "seq", "type": "long"},
            {"name": "members", "type": {"type": "array", "items": "string"}},
        ],
    }
)
_VALUE = {**{name: f"{name}-{'x' * 20}" for name in _FIELDS}, "seq": 7, "members": ["ann", "bob"]}
_TIMES = 4


def unit_of_work(ours: socket.socket, theirs: socket.socket) -> None:
    """About what one message costs one of our processes."""
    for _ in range(_TIMES):
        written = io.BytesIO()
        fastavro.schemaless_writer(written, _SCHEMA, _VALUE)
        ours.send(written.getvalue())
        read = fastavro.schemaless_reader(io.BytesIO(theirs.recv(65_536)), _SCHEMA, None)
        text = msgspec.json.encode(read)
        kept = {key: str(value) for key, value in msgspec.json.decode(text).items()}
        sha256(text).hexdigest()
        json.loads(text)
        sorted(kept.items(), key=lambda item: item[1])


def paced(rate: float, seconds: float, unit: Callable[[], None]) -> int:
    """Do units at a rate, each at its due time; how many were done."""
    began = time.perf_counter()
    done = 0
    while (now := time.perf_counter()) < began + seconds:
        while done < (now - began) * rate:
            unit()
            done += 1
        time.sleep(0.001)
    return done


def work(rate: float, seconds: float) -> None:
    """Measure the work that needs nobody."""
    ours, theirs = socket.socketpair()
    _measure(rate, seconds, lambda: unit_of_work(ours, theirs))


def round_trips(rate: float, seconds: float, bootstrap: str, topic: str) -> None:
    """Measure records that go to Kafka, one produce request each or nearly, and come back."""
    producer = Producer(
        {"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 0}, logger=None
    )
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench-reference",
            "auto.offset.reset": "latest",
            "enable.auto.commit": False,
        },
        logger=None,
    )
    assigned, ended = threading.Event(), threading.Event()
    consumer.subscribe([topic], on_assign=lambda *_: assigned.set())

    def consume() -> None:
        while not ended.is_set():
            consumer.consume(500, 0.05)

    reader = threading.Thread(target=consume)
    reader.start()
    record = b"x" * RECORD_BYTES

    def unit() -> None:
        producer.produce(topic, record, callback=lambda *_: None)
        producer.poll(0)

    try:
        if not assigned.wait(_KAFKA_SECONDS):
            raise TimeoutError("Kafka gave the reference no partition")
        _measure(rate, seconds, unit)
        producer.flush(_KAFKA_SECONDS)
    finally:
        ended.set()
        reader.join()
        consumer.close()


def _measure(rate: float, seconds: float, unit: Callable[[], None]) -> None:
    paced(rate, _WARM_UP_SECONDS, unit)
    print("begin", flush=True)
    before = time.process_time()
    done = paced(rate, seconds, unit)
    microseconds = (time.process_time() - before) * 1e6 / done
    print(f"end {done} {microseconds:.1f}", flush=True)


def main(arguments: list[str]) -> int:
    """Do one kind of reference work."""
    kind, rate, seconds, *where = arguments
    if kind == "work":
        work(float(rate), float(seconds))
    else:
        round_trips(float(rate), float(seconds), *where)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
