"""Which gateways are in nginx's list, and the files that it reads."""

import asyncio
import itertools
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from infra.balancer import files
from infra.balancer.asking import Asker, reload
from infra.balancer.standing import READY_MIN, Answer, Gateway, Standing, gateway_at, judged
from infra.errors import UserError
from infra.settings import BalancerSettings, EdgeSettings, load

ONE, TWO = Gateway("127.0.0.1", 1, 11), Gateway("127.0.0.1", 2, 12)
R, N, S = Answer.READY, Answer.NOT_READY, Answer.SILENT


@dataclass(frozen=True, slots=True)
class Program:
    balancer: BalancerSettings


def after(*rounds: tuple[Answer, Answer]) -> list[bool]:
    """Which of two gateways are in after these answers."""
    standings = {ONE: Standing(), TWO: Standing()}
    for one, two in rounds:
        standings = judged(standings, {ONE: one, TWO: two})
    return [standing.is_in for standing in standings.values()]


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [
        pytest.param([], [True, True], id="at the start all are in"),
        pytest.param([(N, R)], [False, True], id="who says no is out at once"),
        pytest.param([(S, R)], [True, True], id="one silence is forgiven"),
        pytest.param([(S, R), (S, R)], [False, True], id="two are not"),
        pytest.param([(S, R), (R, R), (S, R)], [True, True], id="two with an answer between are"),
        pytest.param([(S, R), (N, R)], [False, True], id="silent, then no"),
        pytest.param([(N, R), (R, R), (R, R)], [False, True], id="back is not at once"),
        pytest.param([(N, R), *[(R, R)] * 3], [True, True], id="back when ready three times"),
        pytest.param([(N, R), (R, R), (R, R), (S, R), (R, R)], [False, True], id="in a row"),
        pytest.param([(S, S)] * 9, [True, True], id="all silent: nobody hears us"),
        pytest.param([(N, R), *[(S, S)] * 9], [False, True], id="all silent: as it was"),
        pytest.param([(N, N)], [False, False], id="all say no: none is in"),
        pytest.param([(N, S)], [False, True], id="one says no, one is silent"),
    ],
)
def test_who_is_in(rounds: list[tuple[Answer, Answer]], expected: list[bool]) -> None:
    assert after(*rounds) == expected


def test_no_answers_of_any_kind_break_the_rules() -> None:
    """In within the last answers only after none that said no; back only after ready ones."""
    for rounds in itertools.product((R, N, S), repeat=6):
        is_in = after(*((answer, R) for answer in rounds))[0]
        if rounds[-1] is N or rounds[-2:] == (S, S):
            assert not is_in, rounds
        if rounds[-READY_MIN:] == (R,) * READY_MIN:
            assert is_in, rounds


def test_a_gateway_is_written_with_both_ports() -> None:
    assert gateway_at("10.0.0.1:8080:8090") == Gateway("10.0.0.1", 8080, 8090)
    assert gateway_at("[::1]:8080:8090").address == "[::1]:8080"


@pytest.mark.parametrize("wrong", ["", "10.0.0.1", "10.0.0.1:8080", "10.0.0.1:8080:x", ":1:2"])
def test_a_gateway_that_is_written_wrong_is_said_with_its_setting(wrong: str) -> None:
    with pytest.raises(UserError, match="CHAT_BALANCER_GATEWAYS"):
        load(Program, {"CHAT_BALANCER_GATEWAYS": wrong})


def test_who_is_out_is_down_in_the_list() -> None:
    text = files.gateways({ONE: Standing(), TWO: Standing(False)})

    assert text.splitlines() == [
        "server 127.0.0.1:1 max_fails=0;",
        "server 127.0.0.1:2 down;",
    ]


def test_nginx_is_more_patient_than_the_gateway() -> None:
    """The gateway decides when a silent client is gone: after twice its heartbeat."""
    text = files.CONFIGURATION.read_text()
    (line,) = [one for one in text.splitlines() if "proxy_read_timeout" in one]

    assert float(line.split()[1].rstrip("s;")) > 2 * EdgeSettings().heartbeat_seconds


async def test_a_change_is_written_once(tmp_path: Path) -> None:
    """A real HTTP server says ready, then not; nothing is written while nothing changes."""
    status = 200

    async def ready(_: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_get("/readyz", ready)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    health_port = runner.addresses[0][1]
    gateways = [Gateway("127.0.0.1", 1, health_port), Gateway("127.0.0.1", 2, 1)]
    file = tmp_path / "gateways.conf"
    asker = Asker(gateways, file, tmp_path / "no-pid")
    async with aiohttp.ClientSession() as http:
        await asker.ask(http)
        assert "down" not in file.read_text()
        await asker.ask(http)
        assert file.read_text().splitlines()[1] == "server 127.0.0.1:2 down;"
        before = file.stat().st_ino
        await asker.ask(http)
        assert file.stat().st_ino == before
        status = 503
        await asker.ask(http)
        assert file.read_text().count("down") == 2
    await runner.cleanup()


async def start(program: str) -> asyncio.subprocess.Process:
    """Ends at SIGHUP, also where who started the tests ignores it (`nohup`)."""
    return await asyncio.create_subprocess_exec(
        program, "60", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL)
    )


async def test_a_reload_is_owed_until_there_is_an_nginx_that_gets_it(tmp_path: Path) -> None:
    gateways = [Gateway("127.0.0.1", 1, 1), Gateway("127.0.0.1", 2, 1)]
    pid_file = tmp_path / "pid"
    asker = Asker(gateways, tmp_path / "gateways.conf", pid_file)
    called_nginx = shutil.copy("/bin/sleep", tmp_path / "nginx")
    async with aiohttp.ClientSession() as http:
        await asker.ask(http)  # writes the list: nobody is there yet who could be told
        nginx = await start(called_nginx)
        pid_file.write_text(str(nginx.pid))
        while nginx.returncode is None:  # it may not be called nginx yet
            await asker.ask(http)
            await asyncio.sleep(0.05)
        assert nginx.returncode == -signal.SIGHUP
        nginx = await start(called_nginx)
        pid_file.write_text(str(nginx.pid))
        for _ in range(5):
            await asker.ask(http)  # nothing is owed any more
            await asyncio.sleep(0.05)
        assert nginx.returncode is None
        nginx.kill()
        await nginx.wait()


def test_who_was_out_is_out_for_an_asker_that_starts_anew(tmp_path: Path) -> None:
    gateways = [Gateway("127.0.0.1", 1, 1), Gateway("127.0.0.1", 2, 1)]
    file = tmp_path / "gateways.conf"
    out = {gateways[0]: Standing(is_in=False), gateways[1]: Standing()}
    files.write_gateways(file, out)
    assert Asker(gateways, file, tmp_path / "no-pid").standings == out
    assert Asker(gateways, tmp_path / "none", tmp_path / "no-pid").standings == {
        gateway: Standing() for gateway in gateways
    }


def test_only_an_nginx_is_told_to_reload(tmp_path: Path) -> None:
    """A pid file that was left behind may name anybody by now."""
    told = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        told.write_text(str(stranger.pid))
        assert not reload(told)
        assert stranger.poll() is None
        stranger.send_signal(signal.SIGKILL)
    told.write_text("nonsense")
    assert not reload(told)
    assert not reload(tmp_path / "missing")
