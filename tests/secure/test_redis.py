"""Who may do what with the keys of Redis."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from redis import exceptions
from redis.asyncio import Redis

from events.topics import GROUPS
from infra import access
from infra.redis import RUN
from infra.settings import RedisSettings
from infra.stack.stack import Stack
from infra.stack.vault import Vault
from projections.heads import keys as heads
from projections.sessions import keys as sessions
from tests.live import redis_of

USERS = ("fanout", "sessions", "queries")
CONVERSATION = "d:ann:bob"
KEYS = {
    "standing": heads.standing(CONVERSATION),
    "recent": heads.recent("ann"),
    "life": heads.LIFE,
    "sessions": sessions.sessions("ann"),
    "gateway": sessions.gateway("gateway-1"),
    "gateway position": sessions.gateway_position("gateway-1"),
    "owed": sessions.OWED,
    "run": RUN,
    "somebody else's": "other:1",
}
READS = {
    "fanout": {"run", "life", "recent", "sessions", "gateway"},
    "sessions": set(KEYS) - {"somebody else's"},
    "queries": {"run", "life", "recent", "standing"},
}
WRITES = {
    "fanout": {"run", "life", "standing", "recent"},
    "sessions": READS["sessions"],
    "queries": READS["queries"],
}
DANGEROUS = (
    ("FLUSHALL",),
    ("KEYS", "*"),
    ("SCAN", "0"),
    ("CONFIG", "GET", "maxmemory"),
    ("CONFIG", "SET", "maxmemory", "1"),
    ("EVAL", "return 1", "0"),
    ("SCRIPT", "FLUSH"),
    ("ACL", "LIST"),
    ("ACL", "SETUSER", "me", "on"),
    ("MONITOR",),
    ("CLIENT", "LIST"),
    ("SHUTDOWN", "NOSAVE"),
    ("REPLICAOF", "127.0.0.1", "1"),
    ("MODULE", "LIST"),
    ("DEL", KEYS["standing"]),
    ("DUMP", KEYS["sessions"]),
    ("PUBLISH", "anything", "x"),
)

Ask = Callable[..., Awaitable[str]]


@pytest.fixture
async def ask(stack: Stack) -> AsyncIterator[Ask]:
    """Runs a command as somebody; `allowed`, or the first word of the refusal."""
    known: dict[str, Redis] = {}

    async def ask(name: str, *words: str) -> str:
        if name not in known:
            settings = redis_of(stack, name)
            known[name] = Redis.from_url(
                settings.url,
                ssl_ca_certs=str(settings.ca_file),
                socket_timeout=60,
                socket_connect_timeout=60,
            )
        try:
            await known[name].execute_command(*words)
        except exceptions.NoPermissionError:
            return "NOPERM"
        except exceptions.ResponseError as error:
            # WRONGTYPE and the like: the user may, and the key holds something else
            return "allowed" if "WRONGTYPE" in str(error) else str(error)
        return "allowed"

    yield ask
    for one in known.values():
        await one.aclose()


@pytest.mark.parametrize("command", DANGEROUS, ids=" ".join)
@pytest.mark.parametrize("name", USERS)
async def test_no_program_of_ours_runs_it(ask: Ask, name: str, command: tuple[str, ...]) -> None:
    assert await ask(name, *command) == "NOPERM"


def reading(name: str, key: str) -> tuple[str, ...]:
    """A command by which a user reads, if it were allowed the key."""
    return {
        "fanout": ("MGET", key),
        "sessions": ("MGET", key),
        "queries": ("ZSCORE", key, "x"),
    }[name]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("name", USERS)
async def test_which_keys_are_read(ask: Ask, name: str, key: str) -> None:
    answer = await ask(name, *reading(name, KEYS[key]))
    assert answer == ("allowed" if key in READS[name] else "NOPERM")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("name", USERS)
async def test_which_keys_are_written(ask: Ask, name: str, key: str) -> None:
    # XX: only what is there is changed; nothing has a member of this name
    answer = await ask(name, "ZADD", KEYS[key], "XX", "1", "nobody")
    assert answer == ("allowed" if key in WRITES[name] else "NOPERM")


async def test_a_script_has_no_more_rights_than_who_calls_it(ask: Ask) -> None:
    script = "return redis.call('ZADD', 'other:0', 'XX', 1, 'nobody')"
    digest = hashlib.sha1(script.encode()).hexdigest()
    assert await ask("sessions", "SCRIPT", "LOAD", script) == "allowed"
    refused = await ask("sessions", "EVALSHA", digest, "0")
    assert "can't access at least one of the keys" in refused
    own = script.replace("other:0", "standing:0")
    assert await ask("sessions", "SCRIPT", "LOAD", own) == "allowed"
    digest = hashlib.sha1(own.encode()).hexdigest()
    assert await ask("sessions", "EVALSHA", digest, "0") == "allowed"


async def test_the_operator_may(ask: Ask) -> None:
    assert await ask(access.OPERATOR, "CONFIG", "GET", "maxmemory") == "allowed"
    assert await ask(access.OPERATOR, "KEYS", "nothing:*") == "allowed"


async def refusal(settings: RedisSettings, name: str, password: str | None) -> str:
    port = settings.url.rpartition(":")[2]
    address = f"{name}:{password}@" if password is not None else ""
    client = Redis.from_url(
        f"rediss://{address}127.0.0.1:{port}",
        ssl_ca_certs=str(settings.ca_file),
        socket_timeout=60,
        socket_connect_timeout=60,
    )
    try:
        await client.ping()
    except (exceptions.AuthenticationError, exceptions.ResponseError) as error:
        return type(error).__name__
    finally:
        await client.aclose()
    return "let in"


@pytest.mark.parametrize("name", ["default", *USERS])
async def test_with_another_password_nobody_is_let_in(stack: Stack, name: str) -> None:
    assert await refusal(redis_of(stack), name, "guessed") == "AuthenticationError"


@pytest.mark.parametrize("name", [*sorted(set(GROUPS) - set(USERS)), "edge-gateway-1"])
async def test_who_has_no_user_is_not_let_in(stack: Stack, name: str) -> None:
    password = Vault(stack.folder).passwords().get(name, name)  # the one it has elsewhere
    assert await refusal(redis_of(stack), name, password) == "AuthenticationError"


async def test_nobody_is_let_in_without_a_name(stack: Stack) -> None:
    assert await refusal(redis_of(stack), "", None) == "AuthenticationError"


async def test_plain_text_is_not_taken(stack: Stack) -> None:
    client = Redis(port=stack.ports.port("redis"), socket_timeout=60, socket_connect_timeout=60)
    with pytest.raises((exceptions.ConnectionError, exceptions.TimeoutError)):
        await client.ping()
    await client.aclose()
