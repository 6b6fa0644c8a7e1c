"""chatlog itself: with one broker, and with three that keep two more copies of everything."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from pathlib import Path

from bench.peers.system import Running, System, Words, Workload
from bench.world import Shape, world
from infra.stack.part import OnProgress

_SERVERS = ("gateway-", "worker-")
_GATEWAY = "gateway-"


@contextmanager
def _start(folder: Path, on_progress: OnProgress, brokers: int) -> Iterator[Running]:
    shape = Shape(folder=folder, brokers=brokers)
    with world(shape, lambda: nullcontext(on_progress)) as fresh:
        pids = fresh.pids()
        servers = {name: pid for name, pid in pids.items() if name.startswith(_SERVERS)}
        yield Running(
            servers=servers,
            databases={name: pid for name, pid in pids.items() if name not in servers},
            holders={name: pid for name, pid in servers.items() if name.startswith(_GATEWAY)},
            driver=lambda acks: fresh.driver(),
        )


def _versions() -> dict[str, str]:
    return {"chatlog": version("chatlog")}


_RECEIPTS = "delivered and read, of every message, as ticks back to the sender"
_CONFIGURED = (
    "one gateway, two workers; rate limits of the gateway raised; all else as `chatlog up`"
)
_DIFFERS = (
    "60 s of warm-up, in which the Java machines compile what is hot; no group, as chatlog has "
    "none yet"
)
_WORKLOAD = Workload(warm_up_seconds=60.0, group_members=0)

one_broker = System(
    name="chatlog",
    title="chatlog, one broker",
    needs=(),
    is_here=lambda: True,
    install=lambda: None,
    versions=_versions,
    start=lambda folder, report: _start(folder, report, 1),
    words=Words(
        acked="its fact is in the log of the conversation, in order, in the broker's memory",
        kept="the log, and from there a row in Cassandra; one broker does not sync: the end of "
        "the process loses nothing, a loss of power may",
        receipts=_RECEIPTS,
        configured=_CONFIGURED,
        differs=_DIFFERS,
    ),
    workload=_WORKLOAD,
)

three_brokers = System(
    name="chatlog-three-brokers",
    title="chatlog, three brokers",
    needs=(),
    is_here=lambda: True,
    install=lambda: None,
    versions=_versions,
    start=lambda folder, report: _start(folder, report, 3),
    words=Words(
        acked="as above, and at least two of three brokers hold it",
        kept="as above; with brokers on machines of their own, a loss of one loses nothing",
        receipts=_RECEIPTS,
        configured=_CONFIGURED.replace("up`", "up --brokers 3`"),
        differs=_DIFFERS,
    ),
    workload=_WORKLOAD,
)
