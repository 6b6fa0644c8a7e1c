"""Upgrades: the one that is granted, and every other, by its parts."""

import base64
from typing import Any

import pytest
from multidict import CIMultiDict

from edge.hardening import Refusal, Upgrade, bearer, upgrade

ORIGIN = "https://good.example"
GOOD = {
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "other, chat.v1.json",
}


def ask(
    *more: tuple[str, str],
    version: tuple[int, int] = (1, 1),
    method: str = "GET",
    query: str = "",
    **changed: Any,
) -> Upgrade | Refusal:
    headers = CIMultiDict(GOOD)
    for name, value in changed.items():
        headers.popall(name.replace("_", "-"), None)
        if value is not None:
            headers.add(name.replace("_", "-"), value)
    headers.extend(more)
    return upgrade(version, method, query, headers, (ORIGIN,))


def test_the_example_of_the_rfc_is_granted() -> None:
    granted = ask()
    assert isinstance(granted, Upgrade)
    assert granted.spoken
    assert granted.headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert granted.headers["Sec-WebSocket-Protocol"] == "chat.v1.json"
    assert "Sec-WebSocket-Extensions" not in granted.headers


def test_our_origin_is_granted_and_so_is_none() -> None:
    assert isinstance(ask(Origin=ORIGIN), Upgrade)
    assert isinstance(ask(Origin=None), Upgrade)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "https://good.example.evil.tld",
        "https://GOOD.example",
        "HTTPS://good.example",
        "http://good.example",
        "https://good.example:443",
        "https://good.example/",
        "https://good.example https://evil.example",
    ],
)
def test_any_other_origin_is_refused(origin: str) -> None:
    refusal = ask(Origin=origin)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 403


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"version": (1, 0)}, 400),
        ({"method": "POST"}, 405),
        ({"method": "HEAD"}, 405),
        ({"query": "token=x"}, 400),
        ({"query": "a"}, 400),
        ({"Upgrade": None}, 426),
        ({"Upgrade": "h2c"}, 426),
        ({"Connection": "keep-alive"}, 426),
        ({"Sec_WebSocket_Version": "8"}, 426),
        ({"Sec_WebSocket_Version": "7"}, 426),
        ({"Sec_WebSocket_Version": "013"}, 426),
        ({"Sec_WebSocket_Version": None}, 426),
        ({"Sec_WebSocket_Key": None}, 400),
        ({"Sec_WebSocket_Key": ""}, 400),
        ({"Sec_WebSocket_Key": "short"}, 400),
        ({"Sec_WebSocket_Key": base64.b64encode(b"x" * 15).decode()}, 400),
        ({"Sec_WebSocket_Key": base64.b64encode(b"x" * 17).decode()}, 400),
        ({"Sec_WebSocket_Key": "é" * 24}, 400),
        ({"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==!"}, 400),
        ({"Sec_WebSocket_Protocol": None}, 400),
        ({"Sec_WebSocket_Protocol": "in valid"}, 400),
    ],
)
def test_what_is_no_upgrade_of_ours_is_refused(changed: dict[str, Any], status: int) -> None:
    refusal = ask(**changed)
    assert isinstance(refusal, Refusal)
    assert refusal.status == status


def test_headers_given_twice_are_refused() -> None:
    for name in ("Sec-WebSocket-Key", "Sec-WebSocket-Version"):
        assert isinstance(ask((name, GOOD[name])), Refusal)
    assert isinstance(ask(("Origin", ORIGIN), ("Origin", ORIGIN)), Refusal)


def test_other_versions_are_told_which_one_is_spoken() -> None:
    refusal = ask(Sec_WebSocket_Version="8")
    assert isinstance(refusal, Refusal)
    assert refusal.headers == {"Sec-WebSocket-Version": "13"}


def test_a_protocol_that_is_not_ours_is_named_back_so_that_a_browser_learns_the_close_code() -> (
    None
):
    granted = ask(Sec_WebSocket_Protocol="chat.v9.msgpack")
    assert isinstance(granted, Upgrade)
    assert not granted.spoken
    assert granted.headers["Sec-WebSocket-Protocol"] == "chat.v9.msgpack"


@pytest.mark.parametrize(
    ("values", "token"),
    [([], None), (["Bearer abc"], "abc"), (["bearer  abc "], "abc")],
)
def test_a_bearer_token_is_read(values: list[str], token: str | None) -> None:
    assert bearer(CIMultiDict([("Authorization", value) for value in values])) == token


@pytest.mark.parametrize(
    "values", [["Basic abc"], ["Bearer"], ["Bearer "], ["Bearer a", "Bearer b"]]
)
def test_any_other_authorization_is_refused(values: list[str]) -> None:
    refusal = bearer(CIMultiDict([("Authorization", value) for value in values]))
    assert isinstance(refusal, Refusal)
    assert refusal.status == 401
