"""`chatlog token`: an access token for development, signed with this checkout's own key."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from events.ids import is_name
from infra.arguments import Hours
from infra.errors import UserError
from infra.exits import Exit
from infra.settings import TokenSettings, load
from infra.tokens import ensure_development_key, mint


@dataclass(frozen=True, slots=True)
class _Settings:
    tokens: TokenSettings


def token(
    user: str,
    *,
    device: str = "phone",
    hours: Hours = 12.0,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Print an access token for one device of a user.

    Parameters
    ----------
    user
        The user's id: a-z, 0-9, dot, _ and -.
    device
        The device's id.
    hours
        How long it is valid.
    as_json
        Print user, device, token and expiry as JSON.
    """
    for name in (user, device):
        if not is_name(name):
            raise UserError(
                "bad_name",
                f"{name!r} cannot name a user or a device.",
                "Use 1-64 of a-z, 0-9, dot, _ and -, with a letter or digit at both ends.",
                exit_status=Exit.USAGE,
            )
    settings = load(_Settings).tokens
    now_seconds = int(time.time())
    lifetime_seconds = max(1, int(hours * 3600))
    minted = mint(
        ensure_development_key(settings),
        settings,
        user_id=user,
        device_id=device,
        now_seconds=now_seconds,
        lifetime_seconds=lifetime_seconds,
    )
    if as_json:
        expires_at = (now_seconds + lifetime_seconds) * 1000
        print(
            json.dumps(
                {"user_id": user, "device_id": device, "token": minted, "expires_at": expires_at}
            )
        )
    else:
        print(minted)
