"""`chatlog chat ann`: who chats, where from, and on which kind of terminal.

The device keeps what it knows in a file of its own, so a chat goes on where it was left, and what
was written offline is sent later. It signs its own access token with the development key.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext
from typing import Annotated

from cyclopts import Parameter

from cli.chat.plain import Plain
from cli.chat.room import Room
from cli.chat.screen import Screen
from client.client import Client
from client.errors import ClientError
from client.messages import Notice
from client.options import Options
from client.store import SqliteStore
from events.ids import is_name
from infra.arguments import Folder
from infra.errors import UserError
from infra.exits import Exit
from infra.settings import ClientSettings, TokenSettings, inherited_environment, load
from infra.tls import client_context
from infra.tokens import ensure_development_key, mint

FIRST_WELCOME_SECONDS = 10.0
TOKEN_SECONDS = 3_600
TOKEN_REFRESH_SECONDS = 2_700.0


@dataclass(frozen=True, slots=True)
class _Settings:
    gateways: ClientSettings
    tokens: TokenSettings


def chat(
    user: str,
    other: str = "",
    /,
    *,
    device: Annotated[str, Parameter(help="Which of the user's devices this is.")] = "laptop",
    url: Annotated[tuple[str, ...], Parameter(help="Addresses of gateways, tried in turn.")] = (),
    folder: Annotated[Folder | None, Parameter(help="Where the device keeps its messages.")] = None,
    plain: Annotated[
        bool, Parameter(negative="", help="Lines of text, as in a pipe or on a dumb terminal.")
    ] = False,
) -> int:
    """Chat as a user, directly with another one if named.

    Parameters
    ----------
    user
        Who you are: a-z, 0-9, dot, _ and -.
    other
        Whom to talk to.
    """
    for name in (user, device, other or user):
        if not is_name(name):
            raise UserError(
                "bad_name",
                f"{name!r} cannot name a user or a device.",
                "Use 1-64 of a-z, 0-9, dot, _ and -, with a letter or digit at both ends.",
                exit_status=Exit.USAGE,
            )
    known = load(_Settings)
    urls = url or tuple(u for u in known.gateways.urls if u)
    if not urls:
        raise UserError("no_gateway", "No gateway is known.", "Run `chatlog up`, or give --url.")
    place = folder or known.tokens.signing_key_file.parent.parent / "devices"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    logging.getLogger("client").setLevel(logging.CRITICAL)  # Its notices are shown instead.
    fancy = not plain and sys.stdin.isatty() and sys.stdout.isatty()
    fancy = fancy and inherited_environment().get("TERM", "dumb") != "dumb"
    tls = client_context(known.gateways.ca_file) if known.gateways.ca_file else None
    asyncio.run(_chat(user, other, device, urls, place, known.tokens, tls, fancy=fancy))
    return 0


async def _chat(
    user: str,
    other: str,
    device: str,
    urls: tuple[str, ...],
    place: Path,
    tokens: TokenSettings,
    tls: SSLContext | None,
    *,
    fancy: bool,
) -> None:
    key = ensure_development_key(tokens)

    async def token() -> str:
        return mint(
            key,
            tokens,
            user_id=user,
            device_id=device,
            now_seconds=int(time.time()),
            lifetime_seconds=TOKEN_SECONDS,
        )

    room = Room()
    plain = Plain(room)

    def hear(notice: Notice) -> None:
        room.hear(notice)
        if not fancy:
            plain.hear(notice)

    try:
        store = SqliteStore(place / f"{user}-{device}.db")
        options = Options(token_refresh_seconds=TOKEN_REFRESH_SECONDS, retry_cap_seconds=5.0)
        client = Client(urls, token, store, on_notice=hear, tls=tls, options=options)
        room.enter(client)
        async with client:
            await _first_welcome(client, urls)
            chats = client.chats()
            if other or chats:
                await room.open(other or chats[0].conversation_id)
            screen = Screen(room, f"{user} · {device}") if fancy else plain
            if why := await screen.run():
                raise UserError(
                    "chat_ended", f"The chat ended: {why.rstrip('.')}.", "Start it again."
                )
            if plain.refused:
                lines = "1 line was" if plain.refused == 1 else f"{plain.refused} lines were"
                raise UserError(
                    "lines_refused", f"{lines} refused.", "Why is told above; write them anew."
                )
    except ClientError as error:
        detail = f"{error.detail[:1].upper()}{error.detail[1:]}."
        raise UserError(error.code, detail, _remedy(error)) from error


async def _first_welcome(client: Client, urls: tuple[str, ...]) -> None:
    """A device that was never online must be so once: then it knows who it is, for ever."""
    if client.user_id:
        return
    try:
        await client.until_online(FIRST_WELCOME_SECONDS)
    except TimeoutError:
        raise UserError(
            "no_gateway",
            f"No gateway answers at {', '.join(urls)}.",
            "Run `chatlog status`; if nothing runs: `chatlog up`.",
        ) from None


def _remedy(error: ClientError) -> str:
    return {
        "newer_store": "Use the newer release, or name another --device.",
        "in_use": "Close the other chat, or name another --device.",
        "replaced": "This device chats somewhere else; name another --device.",
        "not_authenticated": "The gateway knows another key: is it of this checkout?",
    }.get(error.code, "See `chatlog status`.")
