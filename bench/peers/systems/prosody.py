"""Prosody with an archive (XEP-0313) in its own file store.

The store appends each message to a file of the user, without a sync. Of Prosody's stores it is the
fastest; its SQL stores answer one statement after the other.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

from bench.driver import Driver
from bench.peers import packages
from bench.peers.instance import clear, run, running
from bench.peers.system import Running, System, Words
from infra.settings import inherited_environment
from infra.stack.part import OnProgress, Part
from infra.stack.ports import PortBook
from infra.stack.probes import accepts

NAME = "prosody"

_CONFIGURATION = """\
run_as_root = {as_root}
daemonize = false
pidfile = "{own}/prosody.pid"
data_path = "{own}/data"
certificates = "."
log = {{ warn = "{own}/prosody.log" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
s2s_ports = {{ }}
http_ports = {{ }}
https_ports = {{ }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
allow_registration = true
registration_throttle_max = nil
storage = "internal"
default_archive_policy = true
archive_expires_after = "never"
modules_enabled = {{
  "disco"; "roster"; "saslauth"; "blocklist"; "bookmarks"; "carbons"; "pep"; "private"; "smacks";
  "vcard4"; "vcard_legacy"; "csi_simple"; "ping"; "register"; "register_ibr"; "mam"; "time";
  "version"; "posix";
}}
modules_disabled = {{ "s2s" }}
VirtualHost "localhost"
Component "conference.localhost" "muc"
  modules_enabled = {{ "muc_mam" }}
  muc_log_by_default = true
"""


def _prosody(folder: Path, ports: PortBook) -> Part:
    own, port = folder / NAME, ports.port(NAME)
    (own / "data").mkdir(parents=True, exist_ok=True)
    configuration = own / "prosody.cfg.lua"

    def prepare() -> None:
        as_root = str(os.geteuid() == 0).lower()
        configuration.write_text(_CONFIGURATION.format(own=own, port=port, as_root=as_root))

    return Part(
        name=NAME,
        command=lambda: (NAME, "-F", "--config", str(configuration)),
        folder=own,
        log_file=own / "server.log",
        port=port,
        answers=lambda: accepts("127.0.0.1", port),
        prepare=prepare,
        ready_seconds_max=30.0,
        stop_seconds_max=15.0,
    )


@contextmanager
def _start(folder: Path, on_progress: OnProgress) -> Iterator[Running]:
    clear(folder)
    server = _prosody(folder, PortBook(folder / "ports.json"))
    with running([server], on_progress) as servers:
        yield Running(
            servers=servers,
            databases={},
            holders=servers,
            driver=lambda acks: Driver(
                inherited_environment(),
                "bench.peers.xmpp",
                (str(server.port), *(["acks"] if acks else [])),
            ),
            archived=lambda: _archived(server.folder / "data"),
        )


def _archived(data: Path) -> int:
    """Each entry of a user's archive begins a line of its file so."""
    return sum(file.read_bytes().count(b"item({") for file in data.glob("*/archive/*.list"))


def _version() -> dict[str, str]:
    return {"Prosody": run("dpkg-query", "--show", "--showformat=${Version}", NAME)}


archived = System(
    name=NAME,
    title="Prosody, archive in files",
    needs=(NAME,),
    is_here=lambda: which(NAME) is not None,
    install=lambda: packages.install((NAME,)),
    versions=_version,
    start=_start,
    words=Words(
        acked="XEP-0198: the server has handled the stanza, which is after both copies were "
        "written to their files",
        kept="two entries in files that are appended to without a sync: a loss of power may take "
        "what the kernel has not written",
        receipts="clients send none",
        configured="plain TCP, passwords in plain text, limits off, registration open; mod_mam "
        "for everybody and without end, in the `internal` store",
    ),
)
