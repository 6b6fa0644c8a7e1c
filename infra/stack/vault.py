"""The secrets of an instance: a CA, a certificate for each part, a password for each name.

They lie in the instance's folder, readable by its owner only, and are made when they are first
asked for. Certificates are made anew when they will soon end; whoever deletes one, or a password,
gets a new one at the next start.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import secrets
import ssl
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from infra.access import BROKER
from infra.files import OWNER_ONLY, write_whole
from infra.stack.lock import one_at_a_time
from infra.tls import client_context

CA_DAYS = 3_650
DAYS = 365
RENEW_DAYS = 30
PASSWORD_BYTES = 24

PEERS = frozenset({BROKER, "cassandra"})
"""Parts that come to their like with their certificate. All others' is for answering only: who has
stolen it is let in by nobody."""


_SIGNS = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


class _Authority:
    """Who signs every certificate of an instance."""

    def __init__(self, key_file: Path, certificate_file: Path) -> None:
        key = load_pem_private_key(key_file.read_bytes(), password=None)
        assert isinstance(key, EllipticCurvePrivateKey)
        self.key = key
        self.certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())


class Vault:
    """The secrets of the instance in a folder."""

    def __init__(self, instance: Path) -> None:
        self.folder = instance / "vault"
        self.ca_file = self.folder / "ca.pem"
        self._passwords_file = self.folder / "passwords.json"

    def password(self, name: str) -> str:
        """The password of a name, made when there is none."""
        with self._alone():
            known = self.passwords()
            if name not in known:
                # hexadecimal: no store's grammar or address needs it quoted
                known[name] = secrets.token_hex(PASSWORD_BYTES)
                write_whole(self._passwords_file, json.dumps(known, indent=2), OWNER_ONLY)
            return known[name]

    def passwords(self) -> dict[str, str]:
        """Every password there is, by name."""
        if not self._passwords_file.is_file():
            return {}
        return {
            str(name): str(value)
            for name, value in json.loads(self._passwords_file.read_text()).items()
        }

    def certificate(self, part: str) -> Path:
        """A file with a private key and its certificate, good for this machine's own addresses."""
        file = self.folder / f"{part}.pem"
        with self._alone():
            usages = _usages(part)
            if not file.is_file() or not _is_fit(file, usages):
                write_whole(file, self._issue(part, usages), OWNER_ONLY)
        return file

    def _issue(self, common_name: str, usages: x509.ExtendedKeyUsage) -> bytes:
        key = generate_private_key(SECP256R1())
        authority = self._authority
        names = [
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            x509.DNSName("localhost"),
        ]
        certificate = (
            _builder(common_name, DAYS)
            .issuer_name(authority.certificate.subject)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(usages, critical=False)
            .add_extension(_authority_key(authority.certificate), critical=False)
            .sign(authority.key, hashes.SHA256())
        )
        return _pem_of(key) + certificate.public_bytes(Encoding.PEM)

    @cached_property
    def _authority(self) -> _Authority:
        key_file = self.folder / "ca.key"
        if not (key_file.is_file() and self.ca_file.is_file()):
            key = generate_private_key(SECP256R1())
            subject = _builder("chatlog instance CA", CA_DAYS)
            public = key.public_key()
            certificate = (
                subject.issuer_name(_name("chatlog instance CA"))
                .public_key(public)
                .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                .add_extension(_SIGNS, critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
                .sign(key, hashes.SHA256())
            )
            write_whole(key_file, _pem_of(key), OWNER_ONLY)
            write_whole(self.ca_file, certificate.public_bytes(Encoding.PEM), OWNER_ONLY)
        return _Authority(key_file, self.ca_file)

    def _alone(self) -> AbstractContextManager[None]:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return one_at_a_time(self.folder / "lock")


def certified(vault: Vault, part: str) -> ssl.SSLContext:
    """For connecting to a part of the instance, which has a certificate from now on."""
    vault.certificate(part)
    return client_context(vault.ca_file)


def _builder(common_name: str, days: int) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .serial_number(x509.random_serial_number())
        # Clocks differ.
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _authority_key(certificate: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier.value)


def _pem_of(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _usages(part: str) -> x509.ExtendedKeyUsage:
    client = [ExtendedKeyUsageOID.CLIENT_AUTH] if part in PEERS else []
    return x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, *client])


def _is_fit(file: Path, usages: x509.ExtendedKeyUsage) -> bool:
    """Whether the certificate is whole, for this use, and will not end soon."""
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return found == usages and left > datetime.timedelta(days=RENEW_DAYS)
