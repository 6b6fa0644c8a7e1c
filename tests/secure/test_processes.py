"""What each process of a stack under lock is told, and where it listens."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaError

from events.topics import GROUPS
from infra.access import OPERATOR, component_of
from infra.errors import UserError
from infra.settings import load
from infra.stack import locks, roles, services
from infra.stack.cassandra import DATACENTER
from infra.stack.stack import Stack
from infra.stack.vault import Vault
from tests.live import kafka_of
from tests.secure.test_cassandra import Needs, refusal, settings
from tests.secure.test_kafka import answers

WORKERS = {f"worker-{role}": role for role in GROUPS}
SERVICES = {"gateway-1": "edge-gateway-1", "gateway-2": "edge-gateway-2", **WORKERS}


def process(stack: Stack, name: str) -> Path:
    record = json.loads((stack.folder / name / "pid.json").read_text())
    return Path("/proc") / str(record["pid"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_process_is_told_its_own_secrets_and_no_others(system: Stack, name: str) -> None:
    told = (process(system, name) / "environ").read_bytes().decode()
    passwords = Vault(system.folder).passwords()

    assert {who for who, password in passwords.items() if password in told} == {SERVICES[name]}
    component = component_of(SERVICES[name])
    assert ("CHAT_CASSANDRA_" in told) == component.uses_cassandra
    assert ("CHAT_REDIS_" in told) == component.uses_redis
    # Workers ask the registry what an id is.
    assert ("CHAT_REGISTRY_URL=" in told) == (name in WORKERS)


def test_no_password_is_seen_in_the_arguments_of_a_process(system: Stack) -> None:
    passwords = Vault(system.folder).passwords().values()
    for name in system.names():
        arguments = (process(system, name) / "cmdline").read_bytes().decode()
        assert not [password for password in passwords if password in arguments], name


def test_no_password_is_in_a_log(system: Stack) -> None:
    passwords = Vault(system.folder).passwords().values()
    for log in system.folder.glob("*/*.log"):
        text = log.read_text(errors="replace")
        assert not [password for password in passwords if password in text], log


def test_only_their_owner_reads_secrets(system: Stack) -> None:
    holding = [
        system.folder / "environment",
        system.folder / "registry" / "config" / "application.properties",
        *(file for file in (system.folder / "vault").iterdir() if file.name != "lock"),
    ]
    assert {stat.S_IMODE(file.stat().st_mode) for file in holding} == {0o600}
    secret = [*Vault(system.folder).passwords().values(), "PRIVATE KEY"]
    found = {
        file
        for file in system.folder.rglob("*")
        if file.is_file() and file.stat().st_size < 1 << 16 and "data" not in file.parts
        if any(word in file.read_text(errors="replace") for word in secret)
    }
    assert found <= {*holding, system.folder / "keys" / "signing.pem"}


def listening(process: Path) -> Iterator[tuple[str, int]]:
    """The addresses, as the kernel writes them, and ports on which a process listens."""
    own = {os.readlink(link) for link in (process / "fd").iterdir()}
    for table in ("tcp", "tcp6"):
        for row in (process / "net" / table).read_text().splitlines()[1:]:
            columns = row.split()
            if columns[3] == "0A" and f"socket:[{columns[9]}]" in own:
                address, _, port = columns[1].rpartition(":")
                yield address, int(port, 16)


def test_nothing_listens_but_what_is_known_and_only_on_this_machine(system: Stack) -> None:
    """No Faust web server, no JMX, no second port of a store."""
    known = {
        name: {port for entry, port in system.ports.known().items() if entry.split(".")[0] == name}
        for name in system.names()
    }
    for name in system.names():
        found = list(listening(process(system, name)))
        assert {port for _, port in found} == known[name], name
        for address, _ in found:
            assert address.endswith("0100007F"), (name, address)


def test_a_worker_of_two_roles_is_refused(stack: Stack) -> None:
    both = services.worker(stack.ports, "worker-both", ("history", "fanout"))
    with pytest.raises(UserError) as refused:
        stack.run(both)
    assert refused.value.code == "roles_together"
    (stack.folder / "worker-both" / services.FILE_NAME).unlink()


def test_a_password_that_was_changed_opens_and_the_old_one_does_not(stack: Stack) -> None:
    """As after its line was deleted and the stack started again."""
    name = "receipts"
    before, place = load(Needs, stack.environment(name)).cassandra, stack._place()
    old = kafka_of(stack, name).connection()
    file = stack.folder / "vault" / "passwords.json"
    passwords = json.loads(file.read_text())
    del passwords[name]
    file.write_text(json.dumps(passwords))
    assert place.vault is not None

    locks.admit_known(place, place.vault)
    roles.settle(place.vault, stack.ports.port("cassandra"), DATACENTER)

    assert answers(kafka_of(stack, name).connection()) == (True, set())
    let_in, errors = answers(old)
    assert not let_in
    assert KafkaError._AUTHENTICATION in errors
    with roles._session(settings(stack, name)):
        pass
    assert refusal(before).__name__ == "AuthenticationFailed"
    assert OPERATOR in Vault(stack.folder).passwords()
