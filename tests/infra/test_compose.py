"""The compose file describes the same stack as `infra/stack`."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from infra.checkout import CHECKOUT
from infra.settings import CassandraSettings, KafkaSettings, RedisSettings, RegistrySettings
from infra.stack import artifacts
from infra.stack.kafka import settings as kafka_settings

FILE = CHECKOUT / "infra" / "compose.yaml"


@pytest.fixture(scope="module")
def services():
    return YAML(typ="safe").load(FILE)["services"]


def test_it_follows_the_compose_specification():
    command = [Path(sys.executable).parent / "check-jsonschema"]
    options = ["--builtin-schema", "vendor.compose-spec", FILE]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_it_has_the_versions_of_the_local_stack(services):
    versions = {name: service["image"].rpartition(":")[2] for name, service in services.items()}
    poms = {
        name: (artifacts.POMS / f"{name}.xml").read_text()
        for name in ("kafka", "cassandra", "registry")
    }

    assert all(f"<version>{versions[name]}</version>" in pom for name, pom in poms.items())


def test_every_service_has_a_health_check_and_listens_on_this_machine_only(services):
    for service in services.values():
        assert "healthcheck" in service
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_what_dies_is_started_again_and_what_was_stopped_is_not(services):
    """As the supervisor of the local stack does."""
    assert {service["restart"] for service in services.values()} == {"unless-stopped"}


def test_programs_find_it_by_their_defaults(services):
    ports = {name: int(s["ports"][0].split(":")[1]) for name, s in services.items()}

    assert KafkaSettings().bootstrap.endswith(f":{ports['kafka']}")
    assert f":{ports['registry']}/" in RegistrySettings().url
    assert CassandraSettings().port == ports["cassandra"]
    assert f":{ports['redis']}/" in RedisSettings().url


def test_kafka_has_the_settings_of_the_local_stack(services):
    """Those that decide behaviour; addresses, folders and thread counts differ."""
    local = kafka_settings(Path("/data"), 1, [2])
    given = services["kafka"]["environment"]
    for name, value in local.items():
        if re.match(r"(group|offsets|transaction|share|auto|default|min)\.", name):
            assert str(given["KAFKA_" + name.upper().replace(".", "_")]) == str(value), name
