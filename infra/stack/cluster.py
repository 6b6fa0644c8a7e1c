"""How many brokers an instance has, their cluster's id, whether it is locked: decided once.

It is a small file in the instance's folder, so that a command which is told nothing knows the
parts. The number never changes while there is data: the copies of a partition, and the voters
who keep the metadata, are written into it.
"""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.errors import UserError
from infra.files import write_whole
from infra.stack import kept
from infra.stack.lock import one_at_a_time

FILE_NAME = "cluster.json"
BROKER_COUNTS = (1, 3)
_META = "meta.properties"


@dataclass(frozen=True, slots=True)
class Cluster:
    """The brokers of one instance."""

    brokers: int
    id: str
    """What every storage folder of the cluster is formatted with."""
    secure: bool = False
    """Whether the instance is under lock: TLS and passwords everywhere."""


def broker_name(node_id: int) -> str:
    """The part that is this node: `kafka`, `kafka-2`, `kafka-3`."""
    return "kafka" if node_id == 1 else f"kafka-{node_id}"


def broker_names(brokers: int) -> tuple[str, ...]:
    """The parts of a cluster, in the order of their node ids."""
    return tuple(broker_name(node_id) for node_id in range(1, brokers + 1))


def remembered(folder: Path) -> Cluster | None:
    """What was decided for the instance; nothing for one that never ran."""
    try:
        return kept.read(Cluster, folder / FILE_NAME)
    except (OSError, ValueError):
        return _as_the_data_say(folder)


def decide(folder: Path, brokers: int | None = None, secure: bool | None = None) -> Cluster:
    """What was decided, or decide it now; without a number, one broker; not locked unless said.

    Raises UserError when the instance has data of another number or kind, or the number is none
    of `BROKER_COUNTS`.
    """
    if brokers is not None and brokers not in BROKER_COUNTS:
        raise UserError(
            "bad_broker_count",
            f"The stack runs with 1 or 3 brokers, not with {brokers}.",
            "Give one of the two.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(folder / "cluster.lock"):
        known = remembered(folder)
        if known is None or not _has_data(folder):
            before = known or Cluster(1, _new_id())
            known = Cluster(
                brokers or before.brokers,
                before.id,
                before.secure if secure is None else secure,
            )
        if brokers not in (None, known.brokers):
            raise UserError(
                "other_broker_count",
                f"The instance in {folder} has data of {known.brokers} broker(s), not {brokers}.",
                "Start it without the number; another number needs another folder (--folder).",
            )
        if secure not in (None, known.secure):
            raise UserError(
                "other_profile",
                f"The instance in {folder} has data of one that is "
                f"{'' if known.secure else 'not '}in secured mode.",
                "Start it as it is; the other kind needs another folder (--folder).",
            )
        write_whole(folder / FILE_NAME, json.dumps(asdict(known), indent=2) + "\n")
    return known


def _as_the_data_say(folder: Path) -> Cluster | None:
    """What is known without the file: of an instance that is older, or whose file is damaged."""
    if not _has_data(folder):
        return None
    brokers = 1 if not (folder / "kafka-2" / "data" / _META).is_file() else 3
    ids = (_id_of(file) for file in sorted(folder.glob(f"kafka*/data/{_META}")))
    is_secure = (folder / "vault").is_dir()
    return Cluster(brokers, next(filter(None, ids), "") or _new_id(), is_secure)


def _id_of(meta: Path) -> str:
    """The cluster id that a storage folder was formatted with; empty when it does not say."""
    lines = (line.partition("=") for line in meta.read_text(errors="replace").splitlines())
    return next((value for name, _, value in lines if name == "cluster.id"), "")


def _has_data(folder: Path) -> bool:
    """Whether the storage of some broker was formatted."""
    return any(folder.glob(f"kafka*/data/{_META}"))


def _new_id() -> str:
    """A cluster id in Kafka's form: 22 characters, none of which begins an option."""
    return "c" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
