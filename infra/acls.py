"""Makes Kafka's ACLs match `infra.access`: what is missing is allowed, what is too much is taken.

In: how to reach the cluster as somebody who may do so, and principals. Out: how many rights were
added and taken. Doing it twice changes nothing. A right is added before one is taken, so nobody who
keeps a right is without it for a moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from infra.access import Grant, Operation, Resource, kafka_grants
from infra.errors import UserError
from infra.kafka_answer import answer_of

TIMEOUT_SECONDS = 20.0
_OPERATIONS = {operation: getattr(AclOperation, operation.name) for operation in Operation}
_RESOURCES = {Resource.TOPIC: ResourceType.TOPIC, Resource.GROUP: ResourceType.GROUP}


@dataclass(frozen=True, slots=True)
class AclChanges:
    """What applying the rights did."""

    added: int
    taken: int


def apply(connection: Mapping[str, Any], principals: Iterable[str]) -> AclChanges:
    """Give every principal the rights it has by `infra.access`, and no other. Raises UserError."""
    admin = AdminClient({**connection, "log_level": 0})
    added: list[AclBinding] = []
    taken: list[AclBinding] = []
    try:
        for principal in principals:
            present = set(_present(admin, principal))
            wanted = {_binding(principal, grant) for grant in kafka_grants(principal)}
            added += wanted - present
            taken += present - wanted
        if added:
            for future in admin.create_acls(added, request_timeout=TIMEOUT_SECONDS).values():
                answer_of(future, TIMEOUT_SECONDS)
        if taken:
            filters = [_exactly(binding) for binding in taken]
            for future in admin.delete_acls(filters, request_timeout=TIMEOUT_SECONDS).values():
                answer_of(future, TIMEOUT_SECONDS)
    except KafkaException as error:
        raise UserError(
            "acls_failed",
            f"Kafka did not take the rights: {error.args[0].str()}.",
            "Only the operator may say who may do what; is it the operator's environment?",
        ) from error
    return AclChanges(len(added), len(taken))


def _present(admin: AdminClient, principal: str) -> list[AclBinding]:
    everything = AclBindingFilter(
        ResourceType.ANY,
        None,  # type: ignore[arg-type]  # any name
        ResourcePatternType.ANY,
        f"User:{principal}",
        None,  # type: ignore[arg-type]  # from any host
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    found = admin.describe_acls(everything, request_timeout=TIMEOUT_SECONDS)
    return list(answer_of(found, TIMEOUT_SECONDS))


def _binding(principal: str, grant: Grant) -> AclBinding:
    pattern = ResourcePatternType.PREFIXED if grant.prefixed else ResourcePatternType.LITERAL
    return AclBinding(
        _RESOURCES[grant.resource],
        grant.name,
        pattern,
        f"User:{principal}",
        "*",
        _OPERATIONS[grant.operation],
        AclPermissionType.ALLOW,
    )


def _exactly(binding: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        binding.restype,
        binding.name,
        binding.resource_pattern_type,
        binding.principal,
        binding.host,
        binding.operation,
        binding.permission_type,
    )
