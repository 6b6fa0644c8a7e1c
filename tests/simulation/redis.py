"""Redis in memory: the commands and scripts that the stores use, on the bytes that they send."""

import copy
import re
from collections.abc import Callable, Sequence
from hashlib import sha1
from typing import Any

import hiredis

from infra import redis as infra_redis
from projections.heads import store as heads_store
from projections.sessions import store as sessions_store
from tests.simulation.machine import Machine, Process


def _sha(script: str) -> str:
    return sha1(script.encode()).hexdigest()


class Redis:
    """What is held; all of it may be lost at any moment."""

    def __init__(self, loop_time: Callable[[], float]) -> None:
        self.runs = 1
        """How often it was started; a run has the name that `run_id` makes of it."""
        self.fallen: list[str] = []
        """Scores that were lowered."""
        self.on_opened: Callable[[str, str, str], None] = lambda *_: None
        """Told of a session that was written: its key, device and value."""
        self.on_alive: Callable[[str], None] = lambda _: None
        """Told of a gateway that came to life: its key."""
        self._now = loop_time
        self._held: dict[str, Any] = {}
        self._ends_at: dict[str, float] = {}
        self._saved: tuple[dict[str, Any], dict[str, float]] = ({}, {})
        self._scripts = {
            _sha(infra_redis._BEGIN): self._begin,
            _sha(sessions_store._HEARD): self._heard,
            _sha(sessions_store._OPENED): self._opened,
            _sha(sessions_store._CLOSED): self._closed,
            _sha(heads_store._WHILE_ALIVE): self._while_alive,
        }

    def lose_everything(self) -> None:
        """FLUSHALL, or a restart without a disk."""
        self._held.clear()
        self._ends_at.clear()

    @property
    def run_id(self) -> str:
        """The name of this run."""
        return f"run{self.runs}"

    def save(self) -> None:
        """All is written to a file, or a replica has it."""
        self._saved = copy.deepcopy((self._held, self._ends_at))

    def go_back(self) -> None:
        """It is started anew with what was saved last, or a replica that was behind is promoted."""
        self._held, self._ends_at = copy.deepcopy(self._saved)
        self.runs += 1

    def run(self, commands: Sequence[bytes]) -> list[Any]:
        """One reply for each command."""
        reader = hiredis.Reader(encoding="utf-8")
        replies = []
        for command in commands:
            reader.feed(command)
            name, *words = reader.gets()
            replies.append(getattr(self, f"_do_{name.lower()}")(*words))
        return replies

    def held(self, key: str) -> Any:
        """What is held under a key, for those who look from outside."""
        has_ended = self._ends_at.get(key, self._now() + 1) <= self._now()
        return {} if has_ended else self._held.get(key, {})

    def _get(self, key: str, kind: type) -> Any:
        if self._ends_at.get(key, self._now() + 1) <= self._now():
            self._held.pop(key, None)
            del self._ends_at[key]
        return self._held.setdefault(key, kind())

    def _do_flushall(self) -> str:
        self.lose_everything()
        return "OK"

    def _do_del(self, key: str) -> int:
        return int(self._held.pop(key, None) is not None)

    def _do_ttl(self, key: str) -> int:
        return round(self._ends_at.get(key, 0) - self._now())

    def _do_zadd(self, key: str, *words: str) -> int:
        only_greater = words[0] == "GT"
        pairs = words[only_greater:]
        scores = self._get(key, dict)
        for score, member in zip(pairs[::2], pairs[1::2], strict=True):
            if int(score) > scores.get(member, -(1 << 62)):
                scores[member] = int(score)
            elif not only_greater and int(score) < scores[member]:
                self.fallen.append(f"{member} in {key} fell from {scores[member]} to {score}")
                scores[member] = int(score)
        return 0

    def _do_zscore(self, key: str, member: str) -> int | None:
        score: int | None = self._get(key, dict).get(member)
        return score

    def _do_zmscore(self, key: str, *members: str) -> list[int | None]:
        scores = self._get(key, dict)
        return [scores.get(member) for member in members]

    def _do_sadd(self, key: str, *members: str) -> int:
        self._get(key, dict).update(dict.fromkeys(members))
        return 0

    def _do_srem(self, key: str, *members: str) -> int:
        for member in members:
            self._get(key, dict).pop(member, None)
        return 0

    def _do_srandmember(self, key: str, count: str) -> list[str]:
        return list(self._get(key, dict))[: int(count)]

    def _do_smembers(self, key: str) -> list[str]:
        return list(self._get(key, dict))

    def _do_sismember(self, key: str, member: str) -> int:
        return int(member in self._get(key, dict))

    def _do_get(self, key: str) -> str | None:
        return self._get(key, str) or None

    def _do_hget(self, key: str, field: str) -> str | None:
        value: str | None = self._get(key, dict).get(field)
        return value

    def _do_hgetall(self, key: str) -> dict[str, str]:
        return dict(self._get(key, dict))

    def _do_mget(self, *keys: str) -> list[str | None]:
        return [self._get(key, str) or None for key in keys]

    def _do_set(self, key: str, value: str, *flags: str) -> str | None:
        assert flags == ("NX", "GET")
        held = self._get(key, str) or None
        if held is None:
            self._held[key] = value
        return held

    def _do_script(self, word: str, script: str) -> str:
        return _sha(script)

    def _do_evalsha(self, sha: str, count: str, *words: str) -> int:
        keys, values = words[: int(count)], words[int(count) :]
        return self._scripts[sha](*keys, *values)

    # The scripts of infra/redis.py and of the stores, line by line.

    def _begin(self, key: str, run_id: str) -> int:
        if (self._get(key, str) or None) == run_id:
            return 0
        self.lose_everything()
        self._held[key] = run_id
        return 1

    def _heard(self, gateway: str, places: str, epoch: str, at: str, started: str, end: str) -> int:
        offset = int(at)
        known, place = self._get(gateway, str) or None, self._get(places, dict)
        last, alive_since = place.get("offset"), place.get("alive_since")
        if known == epoch and alive_since == offset:
            return 1
        if known and last is not None and last >= offset:
            return 0
        if known and known != epoch and started == "0":
            return 0
        self._held[gateway] = epoch
        place["offset"] = offset
        if known != epoch:
            place["alive_since"] = offset
            self.on_alive(gateway)
        self._ends_at[gateway] = self._ends_at[places] = self._now() + int(end)
        return int(known != epoch)

    def _opened(self, key: str, device: str, value: str, position: str) -> int:
        known = self._get(key, dict).get(device)
        found = known and re.search(r"\|(\d+)$", known)
        if found and int(found[1]) > int(position):
            return 0
        self._held[key][device] = value
        self.on_opened(key, device, value)
        return 1

    def _closed(self, key: str, device: str, prefix: str) -> int:
        known = self._get(key, dict).get(device)
        if not known or not known.startswith(prefix):
            return 0
        del self._held[key][device]
        return 1

    def _while_alive(self, life_key: str, key: str, life: str, command: str, *words: str) -> int:
        if (self._get(life_key, str) or None) != life:
            return 0
        getattr(self, f"_do_{command.lower()}")(key, *words)
        return 1


class SimulatedPipe:
    """The Pipe of one process: a connection ends with the run of the server."""

    def __init__(self, redis: Redis, machine: Machine, owner: Process) -> None:
        self._redis = redis
        self._machine = machine
        self._owner = owner
        self._connected_to: str | None = None

    async def run(self, commands: Sequence[bytes]) -> list[Any]:
        """One round trip: all commands happen together."""
        if not commands:
            return []
        connected_to = self._connected_to
        replies: list[Any] = await self._machine.ask(
            self._owner, "redis", lambda: self._happen(connected_to, commands)
        )
        return replies

    def _happen(self, connected_to: str | None, commands: Sequence[bytes]) -> list[Any]:
        run_id = self._redis.run_id
        if connected_to is None:
            self._redis.run(infra_redis.beginning(run_id))
            self._connected_to = run_id
        elif connected_to != run_id:
            self._connected_to = None
            raise ConnectionError("the connection to Redis ended")
        self._redis.run([infra_redis.naming(run_id)])
        return self._redis.run(commands)


class ImmediatePipe:
    """A Pipe that waits for nothing."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def run(self, commands: Sequence[bytes]) -> list[Any]:
        return self._redis.run(commands)
