"""Builds what a program needs from the environment and the env file; every problem at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar, get_type_hints

from dotenv import dotenv_values
from pydantic import ValidationError

from infra.checkout import ENV_FILE
from infra.errors import UserError
from infra.exits import Exit
from infra.settings.edge import EdgeSettings, TokenSettings
from infra.settings.programs import BalancerSettings, ClientSettings, WorkerSettings
from infra.settings.section import Section
from infra.settings.stores import (
    CassandraSettings,
    KafkaSettings,
    RedisSettings,
    RegistrySettings,
    SchemaSettings,
)

PREFIX = "CHAT_"
ENV_FILE_NAME = "CHAT_ENV_FILE"
EXIT_CONFIG = Exit.SETTINGS

SECTIONS: tuple[type[Section], ...] = (
    KafkaSettings,
    RegistrySettings,
    SchemaSettings,
    CassandraSettings,
    RedisSettings,
    TokenSettings,
    EdgeSettings,
    ClientSettings,
    WorkerSettings,
    BalancerSettings,
)
"""Every section there is."""

Program = TypeVar("Program")


def load(
    program: type[Program],
    environment: Mapping[str, str] | None = None,
    *,
    env_file: Path = ENV_FILE,
) -> Program:
    """Build a program's settings, a dataclass whose fields are sections, from the environment.

    Raises one `UserError` that names every setting that is missing, malformed or unknown.
    """
    values = read_environment(os.environ if environment is None else environment, env_file)
    problems = [f"{name} is not a setting" for name in sorted(values.keys() - known_variables())]
    built: dict[str, Section] = {}
    for field_name, section in _sections_of(program).items():
        given = {
            field: values[variable]
            for field, variable in section.variables().items()
            if variable in values
        }
        try:
            built[field_name] = section.model_validate(given, by_name=True)
        except ValidationError as error:
            problems += _problems(section, error)
    if problems:
        raise UserError(
            "bad_settings",
            "The settings cannot be used: " + "; ".join(problems) + ".",
            "Mend them in the environment or in the env file; "
            "docs/catalog.md says what each means.",
            exit_status=EXIT_CONFIG,
        )
    return program(**built)


def read_environment(environment: Mapping[str, str], env_file: Path = ENV_FILE) -> dict[str, str]:
    """All CHAT_ variables: those of the env file, and over them those of the environment.

    The env file is this one unless CHAT_ENV_FILE names another, or none.
    """
    named = environment.get(ENV_FILE_NAME, str(env_file))
    file = Path(named)
    if named and ENV_FILE_NAME in environment and not file.is_file():
        raise UserError(
            "no_env_file",
            f"{ENV_FILE_NAME} names {file}, which is no file.",
            "Mend or unset the variable.",
            exit_status=EXIT_CONFIG,
        )
    try:
        from_file = dotenv_values(file, interpolate=False) if file.is_file() else {}
    except UnicodeDecodeError as error:
        raise UserError(
            "bad_env_file",
            f"{file} is no text: {error}.",
            f"Name another file in {ENV_FILE_NAME}, or mend this one.",
            exit_status=EXIT_CONFIG,
        ) from error
    merged = {**{name: value or "" for name, value in from_file.items()}, **environment}
    return {
        name: value
        for name, value in merged.items()
        if name.startswith(PREFIX) and name != ENV_FILE_NAME
    }


def known_variables() -> frozenset[str]:
    """The name of every variable some program reads."""
    return frozenset(name for section in SECTIONS for name in section.variables().values())


def inherited_environment() -> dict[str, str]:
    """The environment child processes inherit."""
    return dict(os.environ)


def _sections_of(program: type) -> dict[str, type[Section]]:
    return get_type_hints(program)


def _problems(section: type[Section], error: ValidationError) -> Iterator[str]:
    variables = section.variables()
    for problem in error.errors():
        place = str(problem["loc"][0]) if problem["loc"] else ""
        yield f"{variables.get(place, f'{section.prefix}…')}: {problem['msg']}"
