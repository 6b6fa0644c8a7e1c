"""ejabberd: without an archive, and with one (XEP-0313) in PostgreSQL.

Erlang's node stays alone (no distribution, no epmd). Accounts, rosters and sessions are in Mnesia,
its default; the archive's table and indexes are those of its own schema file.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.commands import Connected, ConnectPairs, Flow, Loaded, Measuring, Sent
from bench.driver import Driver
from bench.peers import packages, postgresql
from bench.peers.instance import clear, run, running
from bench.peers.system import Running, System, Words, Workload
from infra.errors import UserError
from infra.settings import inherited_environment
from infra.stack.part import OnProgress, Part
from infra.stack.ports import PortBook
from infra.stack.probes import accepts

NAME = "ejabberd"
SCHEMA = Path("/usr/share/ejabberd/sql/pg.sql")
DATABASE = "ejabberd"

_DRIVER_PACKAGE = "erlang-p1-pgsql"
_POOL = 10
_POOL_SECONDS_MAX = 30.0
_ONE_BY_ONE = Flow(
    in_flight=1,
    warm_up_seconds=0.0,
    seconds=0.5,
    body_bytes=1,
    read_after_seconds=0.0,
    settle_seconds_max=10.0,
)

_CONFIGURATION = """\
hosts: [localhost]
loglevel: warning
listen:
  - port: {port}
    ip: 127.0.0.1
    module: ejabberd_c2s
    access: all
    max_stanza_size: 262144
auth_method: internal
auth_password_format: plain
registration_timeout: infinity
api_permissions: {{}}
{database}
modules:
  mod_blocking: {{}}
  mod_caps: {{}}
  mod_carboncopy: {{}}
  mod_client_state: {{}}
  mod_disco: {{}}
  mod_last: {{}}
  mod_muc:
    access: all
    access_create: all
    max_users: 5000
    default_room_options:
      mam: {with_archive}
      max_users: 5000
  mod_offline: {{}}
  mod_ping: {{}}
  mod_privacy: {{}}
  mod_private: {{}}
  mod_register:
    access: all
    ip_access: all
  mod_roster: {{}}
  mod_stream_mgmt: {{}}
  mod_vcard: {{}}
{archive}
"""

_DATABASE = """\
sql_type: pgsql
sql_server: 127.0.0.1
sql_port: {port}
sql_database: {name}
sql_username: postgres
sql_password: none
sql_pool_size: {pool}
"""

_ARCHIVE = """\
  mod_mam:
    db_type: sql
    default: always
"""


def _ejabberd(folder: Path, ports: PortBook, *, with_archive: bool) -> Part:
    own, port = folder / NAME, ports.port(NAME)
    own.mkdir(parents=True, exist_ok=True)
    configuration = own / "ejabberd.yml"

    def prepare() -> None:
        database = ""
        if with_archive:
            sql_port = ports.port(postgresql.NAME)
            postgresql.create_database(sql_port, DATABASE, SCHEMA)
            database = _DATABASE.format(port=sql_port, name=DATABASE, pool=_POOL)
        configuration.write_text(
            _CONFIGURATION.format(
                port=port,
                database=database,
                with_archive=str(with_archive).lower(),
                archive=_ARCHIVE if with_archive else "",
            )
        )

    return Part(
        name=NAME,
        command=lambda: (
            *("erl", "+K", "true", "+P", "250000", "-noinput"),
            *("-mnesia", "dir", f'"{own / "mnesia"}"', "-s", "ejabberd"),
        ),
        folder=own,
        log_file=own / "server.log",
        port=port,
        answers=lambda: accepts("127.0.0.1", port),
        environment={
            "EJABBERD_CONFIG_PATH": str(configuration),
            "EJABBERD_LOG_PATH": str(own / "ejabberd.log"),
            "ERL_CRASH_DUMP_BYTES": "0",
            "ERL_LIBS": str(_libraries()),
            "ERL_MAX_PORTS": "32000",
            "HOME": str(own),
        },
        prepare=prepare,
        needs=(postgresql.NAME,) if with_archive else (),
        ready_seconds_max=60.0,
        stop_seconds_max=20.0,
    )


@contextmanager
def _start(
    folder: Path, on_progress: OnProgress, *, with_archive: bool, synchronous_commit: bool = True
) -> Iterator[Running]:
    clear(folder)
    ports = PortBook(folder / "ports.json")
    database = (
        [postgresql.postgresql(folder, ports, synchronous_commit=synchronous_commit)]
        if with_archive
        else []
    )
    server = _ejabberd(folder, ports, with_archive=with_archive)
    with running([*database, server], on_progress) as pids:
        servers = {NAME: pids.pop(NAME)}
        ejabberd = Running(
            servers=servers,
            databases=pids,
            holders=servers,
            driver=lambda acks: Driver(
                inherited_environment(),
                "bench.peers.xmpp",
                (str(server.port), *(["acks"] if acks else [])),
            ),
            archived=(lambda: _archived(ports)) if with_archive else None,
        )
        if with_archive:
            _fill_pool(ejabberd, ports.port(postgresql.NAME))
        yield ejabberd


def _fill_pool(ejabberd: Running, sql_port: int) -> None:
    """Let it open its connections before there is load.

    This release opens them when the first is needed, and what others send meanwhile is delivered
    but not archived ("not an already existing atom" in its log).
    """
    deadline = time.monotonic() + _POOL_SECONDS_MAX
    with ejabberd.driver(False) as driver:
        driver.tell(ConnectPairs(1))
        driver.wait(Connected, _POOL_SECONDS_MAX)
        while postgresql.connections(sql_port, DATABASE) < _POOL:
            if time.monotonic() > deadline:
                raise UserError(
                    "peer_not_ready",
                    f"ejabberd did not open its {_POOL} connections to PostgreSQL.",
                    "Read its log in the folder of the comparison.",
                )
            driver.tell(_ONE_BY_ONE)
            driver.wait(Measuring, _POOL_SECONDS_MAX)
            driver.wait(Sent, _POOL_SECONDS_MAX)
            driver.wait(Loaded, _POOL_SECONDS_MAX)
        driver.finish()


def _archived(ports: PortBook) -> int:
    return postgresql.ask(
        ports.port(postgresql.NAME), DATABASE, "SELECT count(*) FROM archive WHERE kind = 'chat'"
    )


def _libraries() -> Path:
    """Where Debian keeps Erlang's libraries that are not Erlang's own."""
    found = sorted(Path("/usr/lib").glob("*/ejabberd-*/ebin"))
    return found[-1].parent.parent if found else Path("/usr/lib/erlang/lib")


def _is_here() -> bool:
    return any(Path("/usr/lib").glob("*/ejabberd-*/ebin/ejabberd.beam"))


def _is_here_with_archive() -> bool:
    has_driver = any(Path("/usr/lib/erlang/lib").glob("p1_pgsql-*/ebin/pgsql.beam"))
    return _is_here() and has_driver and SCHEMA.exists() and postgresql.is_here()


def _version() -> dict[str, str]:
    return {NAME: run("dpkg-query", "--show", "--showformat=${Version}", "ejabberd")}


def _versions() -> dict[str, str]:
    return {**_version(), "PostgreSQL": postgresql.version()}


_NEEDS = (NAME, _DRIVER_PACKAGE, postgresql.PACKAGE)
_RECEIPTS = "clients send none"
_CONFIGURED = (
    "plain TCP, passwords in plain text, shapers off, registration open; modules of Debian's "
    "default configuration that a chat needs"
)

archived = System(
    name="ejabberd-postgresql",
    title="ejabberd, archive in PostgreSQL",
    needs=_NEEDS,
    is_here=_is_here_with_archive,
    install=lambda: packages.install(_NEEDS),
    versions=_versions,
    start=lambda folder, report: _start(folder, report, with_archive=True),
    words=Words(
        acked="XEP-0198: the server has handled the stanza, which is after the sender's copy was "
        "committed to PostgreSQL",
        kept="two rows, each synced to disk at its commit (synchronous_commit on)",
        receipts=_RECEIPTS,
        configured=f"{_CONFIGURED}; mod_mam `default: always`, 10 connections; PostgreSQL as "
        "initdb makes it",
    ),
)

archived_later = System(
    name="ejabberd-postgresql-async",
    title="ejabberd, archive in PostgreSQL, commits not synced",
    needs=_NEEDS,
    is_here=_is_here_with_archive,
    install=lambda: packages.install(_NEEDS),
    versions=_versions,
    start=lambda folder, report: _start(
        folder, report, with_archive=True, synchronous_commit=False
    ),
    words=Words(
        acked="XEP-0198, as above; the commit has not waited for the disk",
        kept="two rows; a loss of power takes the last 0.6 s of them (synchronous_commit off)",
        receipts=_RECEIPTS,
        configured=f"{_CONFIGURED}; mod_mam `default: always`, 10 connections; PostgreSQL with "
        "synchronous_commit off",
        differs="no idle sockets and no group: the server is the same as above",
    ),
    workload=Workload(idle_sockets=0, group_members=0),
)

unarchived = System(
    name="ejabberd",
    title="ejabberd, no archive",
    needs=(NAME,),
    is_here=_is_here,
    install=lambda: packages.install((NAME,)),
    versions=_version,
    start=lambda folder, report: _start(folder, report, with_archive=False),
    words=Words(
        acked="XEP-0198: the server has handled the stanza",
        kept="nowhere once it is delivered",
        receipts=_RECEIPTS,
        configured=_CONFIGURED,
    ),
)
