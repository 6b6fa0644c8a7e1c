"""PostgreSQL as a part: a cluster of its own with default settings, which syncs every commit.

PostgreSQL does not run as root; when we are root, it runs as the user its package has made.
"""

import os
import pwd
import shutil
from pathlib import Path

from bench.peers.instance import run
from infra.errors import UserError
from infra.stack.part import Part
from infra.stack.ports import PortBook

PACKAGE = "postgresql"
NAME = "postgresql"

_USER = "postgres"


def is_here() -> bool:
    """Whether it is installed."""
    return _programs() is not None


def version() -> str:
    """What it calls itself."""
    return run(_program("postgres"), "--version").split()[2]


def postgresql(folder: Path, ports: PortBook, *, synchronous_commit: bool = True) -> Part:
    """A server with an empty cluster in `folder/postgresql`."""
    own, port = folder / NAME, ports.port(NAME)
    own.mkdir(parents=True, exist_ok=True)
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "synchronous_commit": "on" if synchronous_commit else "off",
    }
    return Part(
        name=NAME,
        command=lambda: (
            *_as_another_user(),
            _program("postgres"),
            "-D",
            str(own / "data"),
            *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
        ),
        folder=own,
        log_file=own / "server.log",
        port=port,
        answers=lambda: _answers(port),
        prepare=lambda: _initialize(own),
        ready_seconds_max=60.0,
        stop_seconds_max=15.0,
    )


def create_database(port: int, name: str, schema: Path | None = None) -> None:
    """Make a database, with the tables of a file."""
    address = ("-h", "127.0.0.1", "-p", str(port), "-U", _USER)
    run(_program("createdb"), *address, name)
    if schema is not None:
        run(_program("psql"), *address, "-d", name, "-qv", "ON_ERROR_STOP=1", "-f", str(schema))


def ask(port: int, database: str, query: str) -> int:
    """The number that a query answers with."""
    address = ("-h", "127.0.0.1", "-p", str(port), "-U", _USER)
    return int(run(_program("psql"), *address, "-d", database, "-qtAc", query))


def connections(port: int, database: str) -> int:
    """How many connections others hold to a database."""
    return ask(
        port,
        database,
        "SELECT count(*) FROM pg_stat_activity "
        f"WHERE datname = '{database}' AND pid <> pg_backend_pid()",
    )


def _initialize(own: Path) -> None:
    prefix = _as_another_user()
    if prefix:
        account = pwd.getpwnam(_USER)
        os.chown(own, account.pw_uid, account.pw_gid)
        _require_reachable(prefix, own)
    run(
        *prefix,
        _program("initdb"),
        *("-D", str(own / "data"), "-U", _USER, "--auth=trust", "--encoding=UTF8", "--locale=C"),
        folder=own,
    )


def _require_reachable(prefix: tuple[str, ...], own: Path) -> None:
    try:
        run(*prefix, "test", "-w", str(own))
    except UserError:
        raise UserError(
            "folder_not_reachable",
            f"PostgreSQL does not run as root, and the user {_USER} may not enter {own}.",
            "Run the comparison as another user than root, or from a folder open to all.",
        ) from None


def _as_another_user() -> tuple[str, ...]:
    if os.geteuid() != 0:
        return ()
    return ("setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--init-groups")


def _answers(port: int) -> bool:
    try:
        run(_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port))
    except UserError:
        return False
    return True


def _program(name: str) -> str:
    programs = _programs()
    if programs is None:
        raise UserError(
            "no_postgresql",
            "PostgreSQL is not installed.",
            f"Install it: apt-get install --no-install-recommends {PACKAGE}",
        )
    return str(programs / name)


def _programs() -> Path | None:
    """Debian keeps each major version in a folder of its own, off the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    found = debian[-1] if debian else shutil.which("postgres")
    return Path(found).parent if found else None
