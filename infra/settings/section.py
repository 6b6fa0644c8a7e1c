"""What a setting is: a field of a frozen section, with its variable, default and meaning."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(item.strip() for item in value.split(",") if item.strip())


CommaSeparated = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""A list, written `a,b,c`."""

Gateways = Annotated[
    tuple[Annotated[str, StringConstraints(pattern=r"^[^,\s;]+:\d{1,5}:\d{1,5}$")], ...],
    BeforeValidator(_split),
]
"""Gateways, written `host:port:health_port,…`; nothing in it could end a line of nginx's."""

Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(_split)]
"""Addresses and networks, written `10.0.0.7,10.1.0.0/16`."""


class Section(BaseModel):
    """Settings that belong together; each subclass names its prefix."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True)
    prefix: ClassVar[str]

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Each field and the variable that sets it."""
        return {
            name: field.alias or f"{cls.prefix}{name.upper()}"
            for name, field in cls.model_fields.items()
        }
