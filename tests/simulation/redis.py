"""Redis in memory: the commands and scripts that the stores use, on the bytes that they send."""

import copy
import re
from collections.abc import Callable, Sequence
from hashlib import sha1
from random import Random
from typing import Any

import hiredis
from redis import exceptions

from infra import redis as infra_redis
from projections.heads import store as heads_store
from projections.routing import store as routing_store
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
        self.on_gone_back: Callable[[], None] = lambda: None
        """Told that what is held is older than it was."""
        self._now = loop_time
        self._held: dict[str, Any] = {}
        self._ends_at: dict[str, float] = {}
        self._fresh: set[str] = set()
        """Keys that were written since nothing was on its way."""
        self._saved: tuple[dict[str, Any], dict[str, float]] = ({}, {})
        self._scripts = {
            _sha(infra_redis._BEGIN): self._begin,
            _sha(sessions_store._HEARD): self._heard,
            _sha(sessions_store._OPENED): self._opened,
            _sha(sessions_store._CLOSED): self._closed,
            _sha(heads_store._NEWEST): self._newest,
            _sha(heads_store._RESTORE_HEADS): self._restore_heads,
            _sha(heads_store._RESTORE_RECENT): self._restore_recent,
            _sha(heads_store._COMPLETE): self._complete,
            _sha(routing_store._CHANGED): self._changed,
        }

    def lose_everything(self) -> None:
        """FLUSHALL, or a restart without a disk."""
        self._held.clear()
        self._ends_at.clear()

    def begin_under(self, run: str, held: dict[str, Any]) -> None:
        """It holds what another release has left there, under the name that it gave the run."""
        self.lose_everything()
        self._held = {infra_redis.RUN: run, **held}

    @property
    def run_id(self) -> str:
        """The name that the server gives to this run of it."""
        return f"run{self.runs}"

    @property
    def run_name(self) -> str:
        """The name of this run, and of the layout of what is written in it."""
        return infra_redis.run_name(self.run_id)

    def forget(self, random: Random) -> None:
        """Some of the keys that are restored when they are asked for end.

        Each write puts the end of its key off for 30 days, so none ends that was written while
        something is on its way that began before.
        """
        for key in [one for one in self._held if one.startswith(("standing:", "recent:"))]:
            if key not in self._fresh and random.random() < 0.5:
                del self._held[key]

    def nothing_is_on_its_way(self) -> None:
        """Whoever reads or writes from now on begins now: every key may be older than that."""
        self._fresh.clear()

    def save(self) -> None:
        """All is written to a file, or a replica has it."""
        self._saved = copy.deepcopy((self._held, self._ends_at))

    def go_back(self) -> None:
        """It is started anew with what was saved last, or a replica that was behind is promoted."""
        self._held, self._ends_at = copy.deepcopy(self._saved)
        self.runs += 1
        self.on_gone_back()

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
        """What is held under a key, for those who look from outside; what is of another run does
        not count, since nobody believes it."""
        if self._held.get(infra_redis.RUN, self.run_name) != self.run_name:
            return {}
        has_ended = self._ends_at.get(key, self._now() + 1) <= self._now()
        return {} if has_ended else self._held.get(key, {})

    def _get(self, key: str, kind: type) -> Any:
        if self._ends_at.get(key, self._now() + 1) <= self._now():
            self._held.pop(key, None)
            del self._ends_at[key]
        held = self._held.setdefault(key, kind())
        if not isinstance(held, kind):
            raise exceptions.ResponseError(f"WRONGTYPE {key} holds another kind of value")
        return held

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

    def _do_expire(self, key: str, seconds: str) -> int:
        if key in self._held:
            self._ends_at[key] = self._now() + int(seconds)
            self._fresh.add(key)
        return int(key in self._held)

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

    def _do_hsetnx(self, key: str, field: str, value: str) -> int:
        held = self._get(key, dict)
        return int(held.setdefault(field, value) is value)

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

    def _begin(self, key: str, run: str) -> int:
        if (self._get(key, str) or None) == run:
            return 0
        self.lose_everything()
        self._held[key] = run
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

    def _opened(self, key: str, device: str, value: str, position: str, end: str, most: str) -> int:
        known = self._get(key, dict).get(device)
        found = known and re.search(r"\|(\d+)$", known)
        if found and int(found[1]) > int(position):
            return 0
        self._held[key][device] = value
        self.on_opened(key, device, value)
        self._do_expire(key, end)
        if len(self._held[key]) > int(most):
            for name, held in list(self._held[key].items()):
                gateway, epoch, *_ = held.split("|")
                if self._get(f"gateway:{gateway}", str) != epoch and name != device:
                    del self._held[key][name]
        return 1

    def _closed(self, key: str, owed: str, device: str, prefix: str, member: str) -> int:
        known = self._get(key, dict).get(device)
        self._do_srem(owed, member)
        if not known or not known.startswith(prefix):
            return 0
        del self._held[key][device]
        return 1

    def _newest(self, life: str, recent: str, *words: str) -> list[Any]:
        word, limit, standing, told_in, told, mark_then, start = words
        word = self._get(life, dict).setdefault("word", word)
        scores: dict[str, int] = self._get(recent, dict)
        mark = scores.get(".")
        since, below = "-inf", "+inf"
        if mark is not None and told_in == word:
            if told and int(told) >= mark:
                since = f"({told}"
            if mark_then == str(mark):
                below = f"({start}"
        found: list[str] = []
        heads: list[str] = []
        for member, score in sorted(scores.items(), key=lambda one: -one[1]):
            if below != "+inf" and score >= int(below[1:]):
                continue
            if (since != "-inf" and score <= int(since[1:])) or len(heads) == int(limit):
                break
            found += (member, str(score))
            head = self._do_zscore(f"{standing}{member}", "head")
            heads.append("" if head is None else str(head))
        changes = str(self._get(life, dict).get("changes", 0))
        return [word, changes, "" if mark is None else str(mark), since, below, found, heads]

    def _restore_heads(self, life: str, *words: str) -> int:
        count = (len(words) - 2) // 2
        standing, (word, end, *heads) = words[:count], words[count:]
        if self._get(life, dict).get("word") != word:
            return 0
        for key, head in zip(standing, heads, strict=True):
            self._do_zadd(key, "GT", head, "head")
            self._do_expire(key, end)
        return 1

    def _restore_recent(self, life: str, recent: str, word: str, end: str, *members: str) -> int:
        if self._get(life, dict).get("word") != word:
            return 0
        before = self._count(life, len(members))
        for number, member in enumerate(members):
            self._do_zadd(recent, "GT", str(before + 1 + number), member)
        self._do_expire(recent, end)
        return before + 1

    def _complete(self, life: str, recent: str, word: str, end: str, mark: str) -> int:
        if self._get(life, dict).get("word") != word:
            return 0
        self._do_zadd(recent, "GT", mark, ".")
        self._do_expire(recent, end)
        return 1

    def _changed(self, life: str, *words: str) -> int:
        count = (len(words) - 1) // 2
        recents, (end, *members) = words[:count], words[count:]
        before = self._count(life, count)
        for number, (recent, member) in enumerate(zip(recents, members, strict=True)):
            self._do_zadd(recent, "GT", str(before + 1 + number), member)
            self._do_expire(recent, end)
        return count

    def _count(self, life: str, count: int) -> int:
        """The number before those that are given out now."""
        held = self._get(life, dict)
        before: int = held.get("changes", 0)
        held["changes"] = before + count
        return before


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
        run = self._redis.run_name
        if connected_to is None:
            self._redis.run(infra_redis.beginning(run))
            self._connected_to = run
        elif connected_to != run:
            self._connected_to = None
            raise ConnectionError("the connection to Redis ended")
        self._redis.run([infra_redis.naming(run)])
        return self._redis.run(commands)


class ImmediatePipe:
    """A Pipe that waits for nothing."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def run(self, commands: Sequence[bytes]) -> list[Any]:
        return self._redis.run(commands)
