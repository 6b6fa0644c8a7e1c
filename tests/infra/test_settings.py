"""Settings: defaults, sources, and one message for everything that is wrong."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from infra import checkout, settings
from infra.errors import UserError
from infra.settings import (
    SECTIONS,
    CassandraSettings,
    EdgeSettings,
    KafkaSettings,
    TokenSettings,
)


@dataclass(frozen=True)
class Program:
    kafka: KafkaSettings
    cassandra: CassandraSettings
    edge: EdgeSettings


ENV_FILE = Path(".chatlog/environment")
"""Of these tests; by itself `load` reads the checkout's."""

load = partial(settings.load, env_file=ENV_FILE)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_defaults_suit_a_laptop():
    loaded = load(Program, {})

    assert loaded.kafka.bootstrap == "127.0.0.1:9092"
    assert loaded.cassandra.hosts == ("127.0.0.1",)


def test_the_environment_is_read_by_name():
    loaded = load(
        Program,
        {
            "CHAT_KAFKA_BOOTSTRAP": "a:1,b:2",
            "CHAT_CASSANDRA_HOSTS": "a, b,",
            "CHAT_CASSANDRA_PORT": "7",
            "CHAT_GATEWAY_ID": "gateway-7",
            "HOME": "/nowhere",
        },
    )

    assert loaded.kafka.bootstrap == "a:1,b:2"
    assert loaded.cassandra.hosts == ("a", "b")
    assert loaded.cassandra.port == 7
    assert loaded.edge.gateway_id == "gateway-7"


def test_the_env_file_is_read_and_the_environment_wins():
    Path(".chatlog").mkdir()
    Path(".chatlog/environment").write_text("CHAT_CASSANDRA_PORT=1\nCHAT_EDGE_PORT=2\n")
    loaded = load(Program, {"CHAT_EDGE_PORT": "3"})

    assert (loaded.cassandra.port, loaded.edge.port) == (1, 3)


def test_another_env_file_can_be_named():
    Path("other").write_text("CHAT_CASSANDRA_PORT=4\n")

    assert load(Program, {"CHAT_ENV_FILE": "other"}).cassandra.port == 4


def test_an_env_file_that_is_named_must_exist():
    with pytest.raises(UserError) as refused:
        load(Program, {"CHAT_ENV_FILE": "nowhere"})

    assert (refused.value.code, refused.value.exit_status) == ("no_env_file", 78)


def test_an_env_file_that_is_no_text_is_one_sentence():
    Path("other").write_bytes(b"CHAT_CASSANDRA_PORT=\xff\n")

    with pytest.raises(UserError) as refused:
        load(Program, {"CHAT_ENV_FILE": "other"})
    assert (refused.value.code, refused.value.exit_status) == ("bad_env_file", 78)


def test_everything_wrong_is_told_together():
    with pytest.raises(UserError) as refused:
        load(
            Program,
            {
                "CHAT_CASSANDRA_PORT": "many",
                "CHAT_CASSANDRA_KEYSPACE": "chat; DROP",
                "CHAT_GATEWAY_ID": "Not A Name",
                "CHAT_KAFKA_BOTSTRAP": "a typo",
            },
        )

    assert (refused.value.code, refused.value.exit_status) == ("bad_settings", 78)
    for name in (
        "CHAT_CASSANDRA_PORT:",
        "CHAT_CASSANDRA_KEYSPACE:",
        "CHAT_GATEWAY_ID:",
        "CHAT_KAFKA_BOTSTRAP is not a setting",
    ):
        assert name in refused.value.sentence


def test_building_a_section_by_hand_reads_nothing(monkeypatch):
    monkeypatch.setenv("CHAT_CASSANDRA_PORT", "1")

    assert CassandraSettings().port == 9042


def test_every_setting_is_described():
    undescribed = [
        variable
        for section in SECTIONS
        for field, variable in section.variables().items()
        if not section.model_fields[field].description
    ]

    assert undescribed == []


def test_no_two_settings_share_a_variable():
    names = [name for section in SECTIONS for name in section.variables().values()]

    assert len(names) == len(set(names))


def test_secrets_are_not_shown():
    from infra.settings import RedisSettings

    assert "hush" not in repr(RedisSettings(url="redis://:hush@host/0"))
    assert "hush" not in repr(KafkaSettings(security="sasl_ssl", username="a", password="hush"))
    assert "hush" not in repr(CassandraSettings(username="a", password="hush"))


def test_a_client_of_kafka_is_told_no_more_than_it_needs():
    assert KafkaSettings(bootstrap="a:1").connection() == {"bootstrap.servers": "a:1"}
    locked = KafkaSettings(
        bootstrap="a:1", security="sasl_ssl", username="history", password="hush", ca_file="ca.pem"
    )
    assert locked.connection() == {
        "bootstrap.servers": "a:1",
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "history",
        "sasl.password": "hush",
        "ssl.ca.location": "ca.pem",
    }


@pytest.mark.parametrize(
    "given",
    [
        {"CHAT_KAFKA_SECURITY": "sasl_ssl", "CHAT_KAFKA_PASSWORD": "hush"},
        {"CHAT_EDGE_TLS_KEY_FILE": "key.pem"},
    ],
)
def test_half_of_what_belongs_together_is_refused(given):
    with pytest.raises(UserError) as refused:
        load(Program, given)
    assert refused.value.code == "bad_settings"
    assert "hush" not in refused.value.sentence


def test_an_env_file_with_no_name_is_none_at_all(tmp_path):
    (tmp_path / ".chatlog").mkdir()
    (tmp_path / ".chatlog" / "environment").write_text("CHAT_KAFKA_BOOTSTRAP=other:1\n")

    assert load(Program, {}).kafka.bootstrap == "other:1"
    assert load(Program, {"CHAT_ENV_FILE": ""}).kafka.bootstrap == "127.0.0.1:9092"


def test_the_checkout_is_meant_wherever_a_program_is_run(tmp_path, monkeypatch):
    @dataclass(frozen=True)
    class Tokens:
        tokens: TokenSettings

    for folder in (tmp_path, checkout.CHECKOUT):
        monkeypatch.chdir(folder)
        loaded = settings.load(Tokens, {"CHAT_ENV_FILE": ""})
        assert loaded.tokens.signing_key_file == checkout.INSTANCE / "keys" / "signing.pem"
    assert (checkout.CHECKOUT / "pyproject.toml").is_file()
    assert checkout.ENV_FILE.is_relative_to(checkout.CHECKOUT)
