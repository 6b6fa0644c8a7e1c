"""Connections that end: when the client comes back, where to, how soon, and when it does not."""

import asyncio
import itertools
from random import Random

import pytest
from aiohttp import ServerDisconnectedError, web

from client.backoff import backoff_seconds
from client.client import Client
from client.errors import Stopped
from client.memory import MemoryStore
from client.messages import Link, LinkChanged, Notice
from client.options import Options
from client.pace import Pace
from tests.client.devices import QUICK, bodies, device, take
from tests.client.server import DROP, once, running, soon

ANN = ("ann", "phone")


@pytest.mark.parametrize(
    "code", [1000, 1001, 1011, 1012, 1013, 1014, 3000, 4000, 4002, 4003, 4008, 4499]
)
async def test_it_comes_back_after(code: int) -> None:
    async with running() as server, device(server, "ann") as ann:
        server.before = once(lambda _, frame: frame["type"] == "send", code)
        assert await (await ann.send("bob", "hi")).accepted(60) == 1
        assert server.connections == 2


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (1002, "refused"),
        (1008, "refused"),
        (4500, "refused"),
        (4504, "unsupported_protocol"),
        (4509, "replaced"),
    ],
)
async def test_it_stays_away_after(code: int, word: str) -> None:
    async with running() as server, device(server, "ann") as ann:
        server.before = lambda _, frame: code
        sent = await ann.send("bob", "hi")
        with pytest.raises(Stopped) as stopped:
            await sent.accepted(60)
        assert stopped.value.code == word
        with pytest.raises(Stopped):
            await ann.send("bob", "again")
        with pytest.raises(Stopped):
            await anext(ann.messages())
        assert server.connections == 1


@pytest.mark.parametrize("error", [ServerDisconnectedError(), KeyError("token"), OSError("away")])
async def test_a_token_that_could_not_be_fetched_is_asked_for_again(error: Exception) -> None:
    """An identity provider that starts again ends nobody's client."""
    asked = 0

    async def source() -> str:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise error
        return "ann/phone"

    async with (
        running() as server,
        Client([server.url], source, MemoryStore(), options=QUICK) as client,
    ):
        await client.until_online(60)
    assert asked == 2


@pytest.mark.parametrize("fresh", [True, False])
async def test_tokens_that_are_refused_are_followed_by_fresh_ones_up_to_a_bound(
    fresh: bool,
) -> None:
    """The same one once more: the gateway may learn its key only now."""
    numbers = itertools.count()

    async def token() -> str:
        return f"ann/phone/{next(numbers)}" if fresh else "ann/phone"

    async with running() as server:
        server.refuse = lambda: web.Response(status=401)
        async with Client([server.url], token, MemoryStore(), options=QUICK) as ann:
            with pytest.raises(Stopped) as stopped:
                await ann.until_online(60)
        assert stopped.value.code == "not_authenticated"
        assert server.connections == (Options().refused_tokens_max if fresh else 2)


async def test_a_gateway_that_learns_a_new_key_later_is_waited_for() -> None:
    given: list[str] = []

    async def token() -> str:
        given.append(f"ann/phone/{len(given)}")
        return given[-1]

    async with running() as server:
        others = iter([401, 429, 401, 503, 401, 401])
        server.refuse = lambda: next((web.Response(status=one) for one in others), None)
        async with Client([server.url], token, MemoryStore(), options=QUICK) as ann:
            await ann.until_online(60)
        assert len(given) == 7, "a fresh one for each connection"


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "bad_request"),
        (403, "forbidden"),
        (405, "no_gateway"),
        (410, "no_gateway"),
        (426, "unsupported_protocol"),
    ],
)
async def test_an_upgrade_that_is_refused_for_good_ends_it_with_a_word(
    status: int, word: str
) -> None:
    async with running() as server:
        server.refuse = lambda: web.Response(status=status)
        async with device(server, "ann") as ann:
            with pytest.raises(Stopped) as stopped:
                await ann.until_online(60)
        assert stopped.value.code == word
        assert str(status) in stopped.value.detail
        assert server.connections == 1


async def test_an_address_that_is_not_found_again_and_again_ends_it() -> None:
    async with running() as server:
        server.refuse = lambda: web.Response(status=404)
        async with device(server, "ann") as ann:
            with pytest.raises(Stopped) as stopped:
                await ann.until_online(60)
        assert stopped.value.code == "no_gateway"
        assert "404" in stopped.value.detail
        assert server.connections == Options().not_found_max


async def test_an_address_that_is_not_found_while_a_proxy_is_deployed_is_tried_again() -> None:
    """Never so often in a row that it is believed, and more often in all."""
    row = Options().not_found_max - 1
    async with running() as server:
        others = iter([*[404] * row, 503, *[404] * row])
        server.refuse = lambda: next((web.Response(status=one) for one in others), None)
        async with device(server, "ann") as ann:
            await ann.until_online(60)
        assert server.connections == 2 * row + 2


@pytest.mark.parametrize("status", [200, 204, 408, 409, 421, 425, 429, 500, 502, 503, 504])
async def test_an_upgrade_that_fails_for_now_is_tried_again(status: int) -> None:
    async with running() as server:
        others = iter([status, status])
        server.refuse = lambda: next((web.Response(status=one) for one in others), None)
        async with device(server, "ann") as ann:
            await ann.until_online(60)


async def test_of_several_addresses_those_that_are_of_no_use_are_passed_over() -> None:
    async with running() as wrong, running() as server:
        wrong.refuse = lambda: web.Response(status=404)
        async with device(wrong, "ann", also=("nonsense", server.url)) as ann:
            await ann.until_online(60)
            server.refuse = lambda: web.Response(status=403)
            server.cut(ANN)
            with pytest.raises(Stopped) as stopped:
                await anext(ann.messages())
    assert stopped.value.code in {"forbidden", "no_gateway", "bad_address"}


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/", "ws://127.0.0.1:99999/", "ws://["])
async def test_a_bad_address_ends_it_with_a_word(url: str) -> None:
    async with device(url, "ann") as ann:
        with pytest.raises(Stopped) as stopped:
            await ann.until_online(60)
    assert stopped.value.code == "bad_address"


async def test_a_token_that_fits_in_no_header_is_a_refused_token() -> None:
    given = iter(["ann\n/phone", "ann/phöne", "ann/phone"])

    async def token() -> str:
        return next(given)

    async with running() as server:
        async with Client([server.url], token, MemoryStore(), options=QUICK) as ann:
            await ann.until_online(60)
        assert server.connections == 1


async def test_a_token_is_renewed_in_place_and_a_failure_to_get_one_is_no_end() -> None:
    given: list[str] = []

    async def token() -> str:
        given.append("ann/phone")
        if len(given) == 2:
            raise OSError("the identity provider is away")
        return given[-1]

    async with running() as server:
        server.before = lambda _, frame: DROP if frame["type"] == "token" else None
        options = Options(token_refresh_seconds=0.1)
        async with Client([server.url], token, MemoryStore(), options=options) as ann:
            await soon(lambda: any(f["type"] == "token" for f in server.received), 60)
            assert ann.online
        assert server.connections == 1


async def test_a_renewal_is_confirmed_or_refused_and_the_session_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def token() -> str:
        return "ann/phone"

    async with running() as server:
        server.before = lambda _, frame: DROP if frame["type"] == "token" else None
        options = Options(token_refresh_seconds=0.1)
        async with Client([server.url], token, MemoryStore(), options=options) as ann:
            await soon(lambda: any(f["type"] == "token" for f in server.received), 60)
            request_id = next(f["id"] for f in server.received if f["type"] == "token")
            error = {"type": "error", "code": "not_authenticated", "id": request_id}
            await server.push(("ann", "phone"), error | {"detail": "the token has expired"})
            await soon(lambda: "the token has expired" in caplog.text, 60)
            renewed = {"type": "token", "expires_at": 1, "id": request_id}
            await server.push(("ann", "phone"), renewed)
            await soon(lambda: sum(f["type"] == "token" for f in server.received) > 1, 60)
            assert ann.online
        assert server.connections == 1


async def test_slow_failures_are_no_stable_connection() -> None:
    asked = 0

    async def token() -> str:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.05)
        raise OSError("the identity provider is away")

    options = Options(retry_base_seconds=0.05, retry_cap_seconds=60.0, stable_seconds=0.02)
    async with Client(["ws://127.0.0.1:1"], token, MemoryStore(), options=options):
        await asyncio.sleep(3.0)
        await soon(lambda: asked >= 2)
    assert asked <= 15  # without growing waits it is more than twenty


async def test_a_token_that_never_comes_is_asked_for_again() -> None:
    asked = 0

    async def token() -> str:
        nonlocal asked
        asked += 1
        if asked == 1:
            await asyncio.sleep(3_600)
        return "ann/phone"

    options = Options(token_seconds=0.1, retry_base_seconds=0.01)
    async with (
        running() as server,
        Client([server.url], token, MemoryStore(), options=options) as ann,
    ):
        await ann.until_online(60)
    assert asked == 2


async def test_a_cut_link_goes_to_the_next_gateway() -> None:
    async with (
        running() as one,
        running(one.model) as two,
        device(one, "ann", also=(two.url,)) as ann,
    ):
        await ann.until_online(60)
        await one.stop()
        await (await ann.send("bob", "hi")).accepted(60)
        assert two.connections == 1


async def test_a_dead_gateway_is_passed_over() -> None:
    nobody = "ws://127.0.0.1:1/v1/ws"
    async with running() as server, device(nobody, "ann", also=(server.url,)) as ann:
        await ann.until_online(60)


async def test_a_gateway_that_says_when_is_not_asked_before() -> None:
    async with running() as server:
        times: list[float] = []

        def later() -> web.Response | None:
            times.append(asyncio.get_running_loop().time())
            return (
                web.Response(status=503, headers={"Retry-After": "1"}) if times[1:] == [] else None
            )

        server.refuse = later
        async with device(server, "ann") as ann:
            await ann.until_online(60)
        assert times[1] - times[0] >= 1.0


async def test_the_connection_is_news() -> None:
    news: list[Notice] = []
    async with running() as server, device(server, "ann", on_notice=news.append) as ann:
        await ann.until_online(60)
        server.cut(ANN)
        await soon(lambda: server.connections == 2 and ann.online)
    links = [notice.link for notice in news if isinstance(notice, LinkChanged)]
    assert links == [
        *(Link.CONNECTING, Link.ONLINE, Link.OFFLINE, Link.CONNECTING, Link.ONLINE),
        Link.STOPPED,
    ]


async def test_reading_much_at_a_stroke_is_told_in_few_frames() -> None:
    async with running() as server, device(server, "ann") as ann, device(server, "bob") as bob:
        await bob.until_online(60)
        sent = [await ann.send("bob", f"message {n}") for n in range(300)]
        for message in await take(bob, 300):
            await bob.read("ann", message.seq)
        await sent[-1].read(60)
        assert sum(frame["type"] in ("read", "delivered") for frame in server.received) < 60


async def test_what_was_read_last_is_told_before_the_goodbye() -> None:
    async with running() as server, device(server, "ann") as ann:
        async with device(server, "bob") as bob:
            await bob.until_online(60)
            for text in ("one", "two", "three"):
                await (await ann.send("bob", text)).accepted(60)
            for message in await take(bob, 3):
                await bob.read("ann", message.seq)
        await soon(lambda: server.model.markers["d:ann:bob", "bob", "read"] == 3)


async def test_nonsense_from_the_server_is_left_out() -> None:
    async with running() as server, device(server, "ann") as ann, device(server, "bob") as bob:
        await bob.until_online(60)
        for frame in ({"type": "from-the-future"}, {"type": "event"}, {"a": 1}, [], "x", None):
            await server.push(("bob", "phone"), frame)  # type: ignore[arg-type]
        await (await ann.send("bob", "hi")).accepted(60)
        assert bodies(await take(bob, 1)) == ["hi"]
        assert server.connections == 2


async def test_a_burst_keeps_within_the_rate_that_the_server_allows() -> None:
    async with running() as server:
        server.model.limits = {"sends_per_minute": 3_000, "send_burst": 20, "in_flight": 8}
        async with device(server, "ann") as ann:
            began = asyncio.get_running_loop().time()
            for n in range(50):
                await ann.send("bob", f"message {n}")
            await ann.until_sent(10)
            assert asyncio.get_running_loop().time() - began >= 0.5


def test_the_wait_grows_is_jittered_and_never_less_than_asked_for() -> None:
    random = Random(1)
    for attempt in range(1, 60):
        waits = [
            backoff_seconds(attempt, random, base_seconds=0.25, cap_seconds=20) for _ in range(50)
        ]
        assert 0 <= min(waits) < max(waits) <= min(20, 0.25 * 2 ** (attempt - 1))
        asked = backoff_seconds(
            attempt, random, base_seconds=0.25, cap_seconds=20, at_least_seconds=7
        )
        assert asked >= 7


def test_a_pace_allows_the_burst_and_then_the_rate() -> None:
    pace = Pace()
    assert all(pace.take(0) == 0 for _ in range(1_000))
    pace.allow(600, 100)
    taken = [now for now in range(0, 60_000, 10) if pace.take(now) == 0]
    assert 85 <= sum(now == 0 for now in taken[:1]) + len([n for n in taken if n < 1_000]) <= 101
    assert len(taken) <= 700
    pace.refused(60_000, 5.0)
    assert pace.take(60_000) >= 4_999
