"""Kafka under lock: its listeners, who its brokers are, and who is let in.

Three listeners, each with TLS. Clients come with a name and a password (SCRAM-SHA-512). Brokers
come to each other, and to the controller, with the certificate of a broker; so does the stack when
it lets somebody in, which is why the instance never has a first password that everybody knows.
Whoever has no right by an ACL has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from infra import acls
from infra.access import BROKER, COMPONENTS, EDGE, OPERATOR, REGISTRY
from infra.errors import UserError
from infra.formats import jaas
from infra.kafka_answer import answer_of
from infra.stack.cluster import broker_names
from infra.stack.place import Place
from infra.stack.vault import Vault

_TIMEOUT_SECONDS = 20.0
_ITERATIONS = 4_096
"""The least that Kafka takes; the passwords are random, so no more are needed against guessing."""


def kafka_settings(vault: Vault, port: int, inner: int, controller: int) -> dict[str, str | int]:
    """What a broker under lock is told beside what every broker is told."""
    authenticated = {
        f"listener.name.{listener}.ssl.client.auth": "required"
        for listener in ("internal", "controller")
    }
    return {
        "listeners": f"CLIENT://127.0.0.1:{port},INTERNAL://127.0.0.1:{inner},"
        f"CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"CLIENT://127.0.0.1:{port},INTERNAL://127.0.0.1:{inner}",
        "listener.security.protocol.map": "CLIENT:SASL_SSL,INTERNAL:SSL,CONTROLLER:SSL",
        "inter.broker.listener.name": "INTERNAL",
        **authenticated,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(vault.certificate(BROKER)),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(vault.ca_file),
        "ssl.enabled.protocols": "TLSv1.3,TLSv1.2",
        "ssl.principal.mapping.rules": f"RULE:^CN={BROKER}$/{BROKER}/,RULE:^.*$/nobody/",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.client.scram-sha-512.sasl.jaas.config": jaas(
            "org.apache.kafka.common.security.scram.ScramLoginModule", {}
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": f"User:{BROKER};User:{OPERATOR}",
    }


def as_broker(vault: Vault) -> dict[str, Any]:
    """What a client shows that comes as a broker does."""
    certificate = str(vault.certificate(BROKER))
    return {
        "security.protocol": "ssl",
        "ssl.ca.location": str(vault.ca_file),
        "ssl.certificate.location": certificate,
        "ssl.key.location": certificate,
    }


def admit_known(place: Place, vault: Vault) -> None:
    """Let in everybody whom the instance knows."""
    workers = [name for name in COMPONENTS if name != EDGE]
    admit(place, vault, {OPERATOR, REGISTRY, *workers, *vault.passwords()})


def admit(place: Place, vault: Vault, names: Iterable[str]) -> None:
    """Let these in with their passwords, and give them their rights; repeating changes nothing.

    Raises UserError.
    """
    names = sorted(names)
    ports = (place.ports.port(f"{name}.internal") for name in broker_names(place.brokers))
    connection = {
        **as_broker(vault),
        "bootstrap.servers": ",".join(f"127.0.0.1:{port}" for port in ports),
    }
    admin = AdminClient({**connection, "log_level": 0})
    wanted: list[UserScramCredentialAlteration] = [
        UserScramCredentialUpsertion(
            name,
            ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ITERATIONS),
            vault.password(name).encode(),
        )
        for name in names
    ]
    try:
        answers = admin.alter_user_scram_credentials(wanted, request_timeout=_TIMEOUT_SECONDS)
        for answer in answers.values():
            answer_of(answer, _TIMEOUT_SECONDS)
    except KafkaException as error:
        raise UserError(
            "not_admitted",
            f"Kafka did not take the passwords: {error.args[0].str()}.",
            "Read the log of kafka in the instance's folder.",
        ) from error
    acls.apply(connection, [name for name in names if name != OPERATOR])
