"""nginx before the gateways of an instance, and the program that keeps its list of them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.balancer import files
from infra.balancer.standing import Standing, gateway_at
from infra.errors import UserError
from infra.formats import nginx_word
from infra.stack.ports import PortBook
from infra.stack.services import Service
from infra.stack.vault import Vault

NGINX, ASKER = "nginx", "balancer"
PROXIES = "127.0.0.1"
"""Whose X-Forwarded-For the gateways behind it believe."""

_SOCKETS_PER_ADDRESS_MAX = 65_000
"""Everybody comes from one address here."""


def balanced(
    folder: Path, ports: PortBook, gateways: Sequence[Service], access_log: Path | None = None
) -> tuple[Service, Service]:
    """nginx and its asker as services; writes what nginx reads. Raises UserError."""
    program = find_nginx()
    folder = folder.resolve()
    place = folder / NGINX
    place.mkdir(parents=True, exist_ok=True)
    certificate = Vault(folder).certificate(NGINX)
    status_port, pid_file = ports.port(f"{NGINX}.status"), place / "nginx.pid"
    listener = files.Listener(
        host="127.0.0.1",
        port=ports.port(NGINX),
        status_port=status_port,
        certificate=certificate,
        key=certificate,  # one file holds both
        sockets_per_address_max=_SOCKETS_PER_ADDRESS_MAX,
        access_log=access_log,
    )
    named = [f"127.0.0.1:{one.port}:{ports.port(f'{one.name}.health')}" for one in gateways]
    standings = {gateway_at(one): Standing() for one in named}
    configuration = files.write(place, listener, standings)
    nginx = Service(
        name=NGINX,
        argv=(
            program,
            *_options(place, configuration),
            "-g",
            f"daemon off; pid {nginx_word(pid_file)};",
        ),
        port=listener.port,
        ready_url=f"http://127.0.0.1:{status_port}/readyz",
        ready_seconds_max=60.0,
    )
    health_port = ports.port(f"{ASKER}.health")
    asker = Service(
        name=ASKER,
        argv=(sys.executable, "-m", "infra.balancer"),
        port=health_port,
        ready_url=f"http://127.0.0.1:{health_port}/readyz",
        environment={
            "CHAT_BALANCER_GATEWAYS": ",".join(named),
            "CHAT_BALANCER_LIST_FILE": str(place / files.GATEWAYS_FILE_NAME),
            "CHAT_BALANCER_NGINX_PID_FILE": str(pid_file),
            "CHAT_BALANCER_HEALTH_PORT": str(health_port),
        },
    )
    return nginx, asker


def address(folder: Path, nginx: Service) -> dict[str, str]:
    """The settings by which clients find the gateways behind it."""
    return {
        "CHAT_GATEWAY_URLS": f"wss://localhost:{nginx.port}/v1/ws",
        "CHAT_GATEWAY_CA_FILE": str(Vault(folder).ca_file),
    }


def find_nginx(path: str | None = None) -> str:
    """The server's program file; Debian keeps it where only root looks."""
    found = shutil.which("nginx", path=path) or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        raise UserError(
            "no_nginx",
            "nginx is not installed.",
            "Run `make setup`, or install it: apt-get install nginx",
        )
    return found


def _options(place: Path, configuration: Path) -> tuple[str, ...]:
    return ("-p", str(place), "-c", str(configuration), "-e", "stderr")
