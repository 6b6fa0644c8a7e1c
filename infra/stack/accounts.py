"""What each program of a locked instance is told to come in with: its own secrets and no other's.

In: the instance and the name of a principal. Out: settings. A part of the stack that a component
has no rights on is not told to it at all.
"""

from __future__ import annotations

from collections.abc import Mapping

from infra.access import COMPONENTS, EDGE, OPERATOR, component_of
from infra.stack.place import Place
from infra.stack.vault import Vault


def credentials(place: Place, vault: Vault, principal: str) -> dict[str, str]:
    """The settings that let this principal in."""
    password, ca = vault.password(principal), str(vault.ca_file)
    is_operator = principal == OPERATOR
    component = COMPONENTS[EDGE] if is_operator else component_of(principal)
    told = {
        "CHAT_KAFKA_SECURITY": "sasl_ssl",
        "CHAT_KAFKA_USERNAME": principal,
        "CHAT_KAFKA_PASSWORD": password,
        "CHAT_KAFKA_CA_FILE": ca,
    }
    if is_operator or component.uses_cassandra:
        told |= {
            "CHAT_CASSANDRA_USERNAME": principal,
            "CHAT_CASSANDRA_PASSWORD": password,
            "CHAT_CASSANDRA_CA_FILE": ca,
        }
    if is_operator or component.uses_redis:
        port = place.ports.port("redis")
        told |= {
            "CHAT_REDIS_URL": f"rediss://{principal}:{password}@127.0.0.1:{port}/0",
            "CHAT_REDIS_CA_FILE": ca,
        }
    if component.name != EDGE or is_operator:
        told["CHAT_REGISTRY_CA_FILE"] = ca
    if is_operator:
        told["CHAT_GATEWAY_CA_FILE"] = ca
    elif component.name == EDGE:
        certificate = str(vault.certificate(principal))
        told |= {
            "CHAT_EDGE_TLS_CERTIFICATE_FILE": certificate,
            "CHAT_EDGE_TLS_KEY_FILE": certificate,
        }
    return told


def own_environment(
    addresses: Mapping[str, str], place: Place, vault: Vault, principal: str
) -> dict[str, str]:
    """Everything that a program is told which comes in under this name."""
    own = credentials(place, vault, principal)
    component = component_of(principal)
    untold = [
        *(["CHAT_CASSANDRA_"] if not component.uses_cassandra else []),
        *(["CHAT_REDIS_"] if not component.uses_redis else []),
        *(["CHAT_REGISTRY_"] if component.name == EDGE else []),
        "CHAT_GATEWAY_URLS",
        "CHAT_TOKEN_" if component.name != EDGE else "-",
    ]
    told = {name: value for name, value in addresses.items() if not name.startswith(tuple(untold))}
    # Nor does it read the operator's file.
    return {**told, **own, "CHAT_ENV_FILE": ""}
