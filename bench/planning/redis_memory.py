"""What a head, a marker, a membership and a session take in Redis, asked of a real server.

`python -m bench.planning.redis_memory` starts one, fills it by the keys of `projections`, prints
bytes by the names of `inputs.toml`, and ends it.
"""

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.client import Pipeline

from events.ids import direct_conversation
from infra.stack.ports import find_free_port
from infra.stack.probes import redis_answers
from infra.stack.redis import find_redis
from projections.heads import keys
from projections.sessions.keys import Session, session_value, sessions

_MANY = 100_000
_SET_OF = 40


def redis_bytes() -> dict[str, int]:
    """Bytes by input. Raises UserError when there is no Redis here."""
    with _server() as redis:

        def each(times: int, put: Callable[[Pipeline, int], object]) -> float:
            before = redis.info("memory")["used_memory"]
            pipe = redis.pipeline(transaction=False)
            for number in range(times):
                put(pipe, number)
            pipe.execute()
            return float(redis.info("memory")["used_memory"] - before) / times

        head = each(_MANY, lambda pipe, n: pipe.zadd(keys.standing(_talk(n)), {keys.HEAD: 1_000}))
        ends = each(_MANY, lambda pipe, n: pipe.expire(keys.standing(_talk(n)), keys.KEPT_SECONDS))
        markers = each(
            _MANY,
            lambda pipe, n: pipe.zadd(
                keys.standing(_talk(n)),
                {
                    keys.marker(_user(name, n), kind): 1_000
                    for name in ("ann", "bob")
                    for kind in ("delivered", "read")
                },
            ),
        )
        held = each(
            _MANY // _SET_OF,
            lambda pipe, n: pipe.zadd(
                keys.recent(_user("ann", n)),
                {_talk(n * _SET_OF + i): n * _SET_OF + i for i in range(_SET_OF)},
            ),
        )
        session = session_value(Session("phone-01", "gateway-00001", "e" * 32, 2**40), 10**12)
        user = each(
            _MANY, lambda pipe, n: pipe.hset(sessions(_user("ann", n)), "phone-01", session)
        )
    return {
        "redis_head_bytes": round(head + ends),
        "redis_marker_bytes": round(markers / 4),
        "redis_membership_bytes": round(held / _SET_OF),
        "redis_session_bytes": round(user),
    }


def _user(name: str, number: int) -> str:
    return f"{name}-{number:010d}"


def _talk(number: int) -> str:
    return direct_conversation(_user("ann", number), _user("bob", number))


@contextmanager
def _server() -> Iterator[Redis]:
    port = find_free_port(avoid=set())
    with tempfile.TemporaryDirectory() as folder:
        options = ["--port", str(port), "--dir", str(Path(folder)), "--save", ""]
        with subprocess.Popen([find_redis(), *options], stdout=subprocess.DEVNULL) as server:
            try:
                while not redis_answers(port):
                    time.sleep(0.05)
                yield Redis(port=port)
            finally:
                server.terminate()


if __name__ == "__main__":
    for name, count in redis_bytes().items():
        print(f"{name} = {count}")
