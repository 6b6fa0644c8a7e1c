"""The secrets of an instance: made once, for their owner only, and good for this machine."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509

from infra.stack.vault import Vault


def certificate(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def test_what_was_made_is_found_again(tmp_path: Path) -> None:
    first = Vault(tmp_path)
    password, file = first.password("history"), first.certificate("kafka")
    before = file.read_bytes()

    second = Vault(tmp_path)
    assert second.password("history") == password
    assert second.certificate("kafka").read_bytes() == before


def test_every_name_has_a_password_and_every_part_a_certificate_of_its_own(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    assert len({vault.password(name) for name in ("a", "b", "c")}) == 3
    names = {certificate(vault.certificate(part)).subject.rfc4514_string() for part in ("x", "y")}
    assert names == {"CN=x", "CN=y"}


def test_what_was_deleted_is_made_anew(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    file = vault.certificate("redis")
    before = certificate(file).serial_number
    file.unlink()
    assert certificate(vault.certificate("redis")).serial_number != before


def test_a_certificate_is_signed_by_the_instances_ca(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    certificate(vault.certificate("redis")).verify_directly_issued_by(certificate(vault.ca_file))


def test_a_certificate_is_good_for_this_machine(tmp_path: Path) -> None:
    names = certificate(Vault(tmp_path).certificate("nginx")).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]


def usages(file: Path) -> set[str]:
    found = certificate(file).extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    return {usage._name for usage in found.value}


def test_only_those_that_come_to_their_like_may_show_theirs_to_come_in(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    for part in ("redis", "registry", "nginx", "edge-gateway-1"):
        assert usages(vault.certificate(part)) == {"serverAuth"}
    for part in ("kafka", "cassandra"):
        assert usages(vault.certificate(part)) == {"serverAuth", "clientAuth"}


def test_a_certificate_that_is_good_for_more_is_made_anew(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    vault.certificate("kafka").rename(vault.folder / "redis.pem")
    assert usages(vault.certificate("redis")) == {"serverAuth"}


@pytest.mark.parametrize("damage", [b"", b"-----BEGIN CERTIFICATE-----"])
def test_a_damaged_certificate_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    file = Vault(tmp_path).certificate("nginx")
    file.write_bytes(damage)
    assert certificate(Vault(tmp_path).certificate("nginx"))


def test_only_the_owner_reads(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    vault.password("history")
    vault.certificate("kafka")
    modes = {
        file.name: stat.S_IMODE(file.stat().st_mode)
        for file in vault.folder.iterdir()
        if file.name != "lock"
    }
    assert modes == dict.fromkeys(("ca.key", "ca.pem", "kafka.pem", "passwords.json"), 0o600)
    assert stat.S_IMODE(vault.folder.stat().st_mode) == 0o700


def test_many_who_ask_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: Vault(tmp_path).password("history"), range(16)))
        files = list(pool.map(lambda _: Vault(tmp_path).certificate("kafka"), range(16)))
    assert len(set(found)) == 1
    assert len({file.read_bytes() for file in files}) == 1
