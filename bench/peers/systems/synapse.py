"""Synapse, the Matrix server that most people run, with PostgreSQL, in one process.

Installed from PyPI into an environment of its own. The Python peer: the nearest relative.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.driver import Driver
from bench.peers import packages, postgresql
from bench.peers.instance import clear, run, running
from bench.peers.system import Running, System, Words, Workload
from infra.checkout import CHECKOUT
from infra.settings import inherited_environment
from infra.stack.part import OnProgress, Part
from infra.stack.ports import PortBook
from infra.stack.probes import http_answers

NAME = "synapse"
DATABASE = "synapse"
VENV = CHECKOUT / ".chatlog" / "peers" / "synapse-venv"
REQUIREMENTS = ("matrix-synapse==1.163.2", "psycopg2-binary")

_PYTHON = VENV / "bin" / "python"

_NEVER = "{per_second: 1000000, burst_count: 1000000}"
_LIMITS = "\n".join(
    f"{name}: {_NEVER}"
    for name in ("rc_message", "rc_registration", "rc_joins_per_room", "rc_room_creation")
)

_CONFIGURATION = """\
server_name: localhost
pid_file: {own}/homeserver.pid
listeners:
  - port: {port}
    bind_addresses: [127.0.0.1]
    type: http
    tls: false
    resources: [{{names: [client]}}]
database:
  name: psycopg2
  args:
    {{host: 127.0.0.1, port: {sql_port}, user: postgres, dbname: {database}, cp_min: 5, cp_max: 10}}
log_config: {own}/log.yaml
media_store_path: {own}/media
signing_key_path: {own}/signing.key
registration_shared_secret: {secret}
macaroon_secret_key: {secret}
form_secret: {secret}
report_stats: false
trusted_key_servers: []
presence: {{enabled: false}}
bcrypt_rounds: 4
{limits}
rc_login: {{address: {never}, account: {never}, failed_attempts: {never}}}
rc_joins: {{local: {never}, remote: {never}}}
rc_invites: {{per_room: {never}, per_user: {never}, per_issuer: {never}}}
"""

_LOG = """\
version: 1
handlers: {stderr: {class: logging.StreamHandler}}
root: {level: WARNING, handlers: [stderr]}
disable_existing_loggers: false
"""


def _synapse(folder: Path, ports: PortBook) -> Part:
    own, port = folder / NAME, ports.port(NAME)
    own.mkdir(parents=True, exist_ok=True)
    configuration = own / "homeserver.yaml"
    program = (str(_PYTHON), "-m", "synapse.app.homeserver", "-c", str(configuration))

    def prepare() -> None:
        sql_port = ports.port(postgresql.NAME)
        postgresql.create_database(sql_port, DATABASE)
        secret = secrets.token_hex()
        (own / "secret").write_text(secret)
        (own / "log.yaml").write_text(_LOG)
        configuration.write_text(
            _CONFIGURATION.format(
                own=own,
                port=port,
                sql_port=sql_port,
                database=DATABASE,
                secret=secret,
                limits=_LIMITS,
                never=_NEVER,
            )
        )
        run(*program, "--generate-keys", folder=own)

    return Part(
        name=NAME,
        command=lambda: program,
        folder=own,
        log_file=own / "server.log",
        port=port,
        answers=lambda: http_answers(f"http://127.0.0.1:{port}/_matrix/client/versions"),
        prepare=prepare,
        needs=(postgresql.NAME,),
        ready_seconds_max=120.0,
        stop_seconds_max=20.0,
    )


@contextmanager
def _start(folder: Path, on_progress: OnProgress) -> Iterator[Running]:
    clear(folder)
    ports = PortBook(folder / "ports.json")
    server = _synapse(folder, ports)
    with running([postgresql.postgresql(folder, ports), server], on_progress) as pids:
        servers = {NAME: pids.pop(NAME)}
        yield Running(
            servers=servers,
            databases=pids,
            holders=servers,
            driver=lambda acks: Driver(
                inherited_environment(),
                "bench.peers.matrix",
                (f"http://127.0.0.1:{server.port}", str(server.folder / "secret")),
            ),
            archived=lambda: postgresql.ask(
                ports.port(postgresql.NAME),
                DATABASE,
                "SELECT count(*) FROM events WHERE type = 'm.room.message'",
            ),
        )


def _versions() -> dict[str, str]:
    version = "from importlib.metadata import version; print(version('matrix-synapse'))"
    return {
        "Synapse": run(str(_PYTHON), "-c", version).strip(),
        "PostgreSQL": postgresql.version(),
    }


def _install() -> None:
    if not postgresql.is_here():
        packages.install((postgresql.PACKAGE,))
    packages.make_venv(VENV, REQUIREMENTS)


single = System(
    name=NAME,
    title="Synapse (Matrix), PostgreSQL",
    needs=(postgresql.PACKAGE,),
    is_here=lambda: postgresql.is_here() and (VENV / "bin" / "synapse_homeserver").exists(),
    install=_install,
    versions=_versions,
    start=_start,
    words=Words(
        acked="the PUT is answered 200, which is after the event was committed to PostgreSQL",
        kept="one event, synced to disk at its commit (synchronous_commit on)",
        receipts="clients send none",
        configured="plain HTTP, rate limits off, presence off, bcrypt at 4 rounds; one process, "
        "5 to 10 connections; PostgreSQL as initdb makes it",
        differs="10 pairs, each with one message under way; latencies at 20 messages a second; "
        "200 idle clients (each holds a long poll); no group: it is loaded by less than others "
        "because it takes less",
    ),
    workload=Workload(pairs=10, rate=20.0, in_flights=(1,), idle_sockets=200, group_members=0),
)
