"""The page of rights, made from `infra.access`: who may do what, store by store."""

from collections.abc import Iterator

from infra.access import (
    COMPONENTS,
    EDGE,
    MIGRATIONS_TABLE,
    OPERATOR,
    REGISTRY,
    Component,
    Grant,
    Operation,
    Resource,
    edge_principal,
    kafka_grants,
)

_GATEWAY = "<gateway>"
_VERBS = {
    Operation.WRITE: "writes",
    Operation.READ: "reads",
    Operation.CREATE: "creates",
    Operation.DESCRIBE: "describes",
    Operation.DESCRIBE_CONFIGS: "describes the settings of",
    Operation.ALTER_CONFIGS: "alters the settings of",
}


def access_page() -> list[str]:
    """The page, paragraph by paragraph."""
    return [
        "# Who may do what",
        "Generated from `infra/access.py` and the topic catalogue by `make docs`; a test fails "
        "when it is not current. It applies in secured mode (`chatlog up --secure`); what is not "
        "listed is refused. How and why: [security](security.md).",
        "## Kafka",
        _table("principal | topics | groups", _kafka()),
        f"`{OPERATOR}` may do everything: deployment and the command line. A `*` stands for "
        "every name with that prefix.",
        "## Cassandra",
        _table("role | writes rows of | reads rows of", _cassandra()),
        f"Each of these roles reads `{MIGRATIONS_TABLE}` at its start. "
        f"`{OPERATOR}` is a superuser; the server's own `cassandra` may not log in.",
        "## Redis",
        _table("user | commands | keys (`%R` read, `%W` written, otherwise both)", _redis()),
        f"`{OPERATOR}` may do everything; `default` is off.",
    ]


def _kafka() -> Iterator[tuple[str, ...]]:
    for name in (*(_principal(one) for one in COMPONENTS.values()), REGISTRY):
        grants = kafka_grants(name)
        yield (
            f"`{name}`",
            *("; ".join(_said(grants, resource)) for resource in Resource),
        )


def _said(grants: frozenset[Grant], resource: Resource) -> Iterator[str]:
    for operation, verb in _VERBS.items():
        names = sorted(
            f"`{one.name}{'*' if one.prefixed else ''}`"
            for one in grants
            if one.operation == operation and one.resource == resource
        )
        if names:
            yield f"{verb} {', '.join(names)}"


def _cassandra() -> Iterator[tuple[str, ...]]:
    for one in COMPONENTS.values():
        if one.uses_cassandra:
            yield f"`{one.name}`", _codes(one.modifies), _codes(one.selects)


def _redis() -> Iterator[tuple[str, ...]]:
    for one in COMPONENTS.values():
        if one.uses_redis:
            yield f"`{one.name}`", _codes(one.redis_commands), _codes(one.redis_keys)


def _principal(component: Component) -> str:
    return edge_principal(_GATEWAY) if component.name == EDGE else component.name


def _codes(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: str, rows: Iterator[tuple[str, ...]]) -> str:
    columns = head.split(" | ")
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )
