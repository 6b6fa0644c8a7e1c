"""Brings this gateway's delivery topic to its sockets.

In: `chat.deliveries.<gateway>`, from the end that it had at the start. Out: frames on sockets, in
the order of the topic; a close of a session that was replaced; a call to announce all sessions
again. Records for another epoch of the gateway are dropped and counted. Frames are bytes: nothing
here looks into one (D15).

Theory of operation. A thread owns the consumer: it polls for a first record, takes what else is
there, and hands the batch to the event loop with one call; a few batches may be on their way at
once, then it waits. There is no consumer group: the partition is assigned by hand, from an offset
that was read before the gateway announced itself, so nothing routed to this epoch is missed (D6).
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from edge.connections import Connections
from edge.wire import text_frame
from events.codec import Codec, DecodeError
from events.deliveries import AnnouncementRequested, FramesRouted, SessionReplaced
from events.frames import CloseCode
from events.topics import delivery_topic
from infra.telemetry import EDGE_DELIVERIES, Telemetry

BATCH_RECORDS = 500
_BATCHES_ON_THEIR_WAY = 4
_POLL_SECONDS = 0.5
_REST_SECONDS = 0.002
"""After a batch, so that under load the next one is larger: waking threads is what costs most."""

_KAFKA_SECONDS = 10.0
_STOP_SECONDS = 5.0

log = structlog.get_logger()


class Deliveries:
    """The reader of one gateway's delivery topic; made and used on the event loop."""

    def __init__(
        self,
        bootstrap: str,
        gateway_id: str,
        gateway_epoch: str,
        *,
        codec: Codec,
        connections: Connections,
        telemetry: Telemetry,
        announce: Callable[[], None],
        on_fatal: Callable[[str], None],
    ) -> None:
        self.polled_at = time.monotonic()
        """When the topic was last asked for records, on the monotonic clock."""
        self._place = TopicPartition(delivery_topic(gateway_id), 0)
        self._epoch = gateway_epoch
        self._decode = codec.decode
        self._connections = connections
        self._telemetry = telemetry
        self._announce = announce
        self._on_fatal = on_fatal
        self._room = threading.Semaphore(_BATCHES_ON_THEIR_WAY)
        self._stopping = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._thread: threading.Thread | None = None
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "client.id": f"edge-{gateway_id}",
                "group.id": f"edge-{gateway_id}",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "allow.auto.create.topics": False,
                "fetch.wait.max.ms": 500,
                "fetch.min.bytes": 1,
                "fetch.queue.backoff.ms": 50,
                "fetch.error.backoff.ms": 100,
                "queued.max.messages.kbytes": 16_384,
                "reconnect.backoff.max.ms": 1_000,
                "socket.nagle.disable": True,
            },
            logger=logging.getLogger("kafka.deliveries"),
        )

    async def start(self) -> None:
        """Read from the end of the topic on; returns when that place is fixed."""
        await asyncio.to_thread(self._assign_end)
        self._thread = threading.Thread(target=self._run, name="deliveries", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Stop reading."""
        self._stopping.set()
        self._room.release()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, _STOP_SECONDS)

    def _assign_end(self) -> None:
        give_up_at = time.monotonic() + _KAFKA_SECONDS
        while True:
            try:
                _, end = self._consumer.get_watermark_offsets(self._place, timeout=_KAFKA_SECONDS)
                break
            except KafkaException:
                if time.monotonic() >= give_up_at:
                    raise
                time.sleep(0.05)  # a topic made just now is not known everywhere at once
        self._place.offset = end
        self._consumer.assign([self._place])

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                first = self._consumer.poll(_POLL_SECONDS)
                self.polled_at = time.monotonic()
                if first is None:
                    continue
                records = [first, *self._consumer.consume(BATCH_RECORDS - 1, 0)]
                batch = [record for record in records if not self._is_notice(record)]
                if not batch:
                    continue
                self._room.acquire()
                if self._stopping.is_set():
                    break
                self._loop.call_soon_threadsafe(self._take, batch)
                time.sleep(_REST_SECONDS)
            self._consumer.close()
        except Exception as error:  # the thread's end would otherwise be silent
            log.exception("deliveries failed")
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._on_fatal, f"deliveries: {error}")

    def _is_notice(self, record: Message) -> bool:
        error = record.error()
        if error is None:
            return False
        if error.fatal():
            raise KafkaException(error)
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            self._assign_end()
            self._loop.call_soon_threadsafe(self._lost)
        log.warning("kafka notice", error=str(error))
        return True

    def _lost(self) -> None:
        """Records were removed unread: sessions announced again learn their heads, and fetch."""
        self._count("lost")
        self._announce()

    def _take(self, batch: list[Message]) -> None:
        try:
            for record in batch:
                self._deliver(record.value())
        finally:
            self._room.release()

    def _deliver(self, value: bytes | None) -> None:
        try:
            event = self._decode(value)
        except DecodeError as error:
            log.error("delivery not understood", code=error.code, detail=error.detail)
            self._count("not_understood")
            return
        if getattr(event, "gateway_epoch", None) != self._epoch:
            self._count("other_epoch")
            return
        self._count("taken")
        match event:
            case FramesRouted():
                of_session = self._connections.of_session
                for routed in event.frames:
                    frame = text_frame(routed.frame)
                    for session_id in routed.session_ids:
                        socket = of_session(session_id)
                        if socket is not None:
                            socket.send(frame)
            case SessionReplaced():
                socket = self._connections.of_session(event.session_id)
                if socket is not None:
                    socket.close(CloseCode.REPLACED, "replaced")
            case AnnouncementRequested():
                self._announce()

    def _count(self, outcome: str) -> None:
        self._telemetry.count(EDGE_DELIVERIES, 1, outcome)
