"""The migrations of Cassandra's tables: what this release knows, and what is wrong. Pure.

Each projection has its own, `projections/<name>/migrations/0001.cql` and so on, applied in that
order by the apply step (`infra.migrating`) and never taken back. The first line of each says with
which releases it is compatible: those that know a certain migration, or a later one (ADR 0029).
Every statement can be repeated, so that an apply step that was interrupted is completed by the
next.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from itertools import groupby

from infra.demands.catalogue import (
    MIGRATION_TEXTS,
    MIGRATIONS,
    NEWER_MIGRATIONS,
    Breach,
)

_FIRST_LINE = re.compile(r"-- Compatible with releases that know (\d{4})\.\n")
_CREATE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+) \((.*)\)", re.DOTALL)
_ADD = re.compile(r"ALTER TABLE (\w+) ADD IF NOT EXISTS (\w+) \w+(?:<.+>)?(?: static)?")
_DROP = re.compile(r"ALTER TABLE (\w+) DROP IF EXISTS (\w+)")
_WITH = re.compile(r"ALTER TABLE (\w+) WITH .+", re.DOTALL)
_DROP_TABLE = re.compile(r"DROP TABLE IF EXISTS (\w+)")
_TAKES = re.compile(r"\bDROP\b")
_COLUMN = re.compile(r"^\s*([a-z]\w*) ", re.MULTILINE)


@dataclass(frozen=True)
class Migration:
    """One file. Raises ValueError when it is not written as it must be."""

    projection: str
    number: int
    text: str

    def __post_init__(self) -> None:
        if not 1 <= self.needs <= self.number:
            raise ValueError(
                f"{self} must say with which releases it is compatible: 0001 to {self.number:04}"
            )
        tables_of(self.statements)
        if self.needs == 1 and any(_TAKES.search(one) for one in self.statements):
            raise ValueError(f"{self} removes what releases that know 0001 may use")

    def __str__(self) -> str:
        return f"projections/{self.projection}/migrations/{self.number:04}.cql"

    @cached_property
    def statements(self) -> list[str]:
        """What is carried out."""
        return split_cql(self.text)

    @property
    def needs(self) -> int:
        """Which migration a release must know to work beside it; 0 when the text does not say."""
        match = _FIRST_LINE.match(self.text)
        return 0 if match is None else int(match[1])

    @property
    def digest(self) -> str:
        """Which text it is."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration that a keyspace has had."""

    projection: str
    number: int
    digest: str
    needs: int


def catalogue() -> list[Migration]:
    """Every migration, in the order in which they are applied."""
    found = []
    for folder in sorted(resources.files("projections").iterdir(), key=lambda one: one.name):
        migrations = folder / "migrations"
        if migrations.is_dir():
            texts = (file for file in migrations.iterdir() if file.name.endswith(".cql"))
            files = sorted(texts, key=lambda file: file.name)
            names = [f"{number:04}.cql" for number in range(1, len(files) + 1)]
            if [file.name for file in files] != names:
                raise ValueError(f"the migrations of {folder.name} must be {', '.join(names)}")
            found += [
                Migration(folder.name, number, file.read_text(encoding="utf-8"))
                for number, file in enumerate(files, start=1)
            ]
    return found


def missing(known: Iterable[Migration], applied: Iterable[Applied]) -> list[Migration]:
    """What is still to be applied."""
    numbers = {(one.projection, one.number) for one in applied}
    return [one for one in known if (one.projection, one.number) not in numbers]


def standing(
    known: Sequence[Migration], applied: Sequence[Applied], tables: Collection[str]
) -> list[Applied]:
    """What was applied, without projections of which a table is absent from these."""
    lost = {projection for projection, _ in lost_tables(known, applied, tables)}
    return [one for one in applied if one.projection not in lost]


def lost_tables(
    known: Sequence[Migration], applied: Sequence[Applied], tables: Collection[str]
) -> list[tuple[str, str]]:
    """The tables that migrations have made and that are not among these, with their projections."""
    had = {(one.projection, one.number) for one in applied}
    ours = [one for one in unchanged(known, applied) if (one.projection, one.number) in had]
    return [
        (projection, table)
        for projection, some in groupby(ours, key=lambda one: one.projection)
        for table in sorted(tables_of(statements_of(some)).keys() - set(tables))
    ]


def refusals(known: Sequence[Migration], applied: Sequence[Applied]) -> list[Breach]:
    """What was applied and must not be worked with: another text, or a newer release's."""
    texts = {(one.projection, one.number): one for one in known}
    newest = {one.projection: one.number for one in known}
    found = []
    for one in sorted(applied, key=lambda one: (one.projection, one.number)):
        place = f"projection {one.projection}"
        ours = texts.get((one.projection, one.number))
        if ours is not None and ours.digest != one.digest:
            found.append(
                Breach(
                    MIGRATION_TEXTS,
                    place,
                    one.digest,
                    said=f"The text of {ours} is not the one that was applied.",
                    to_do="Put the text back, and write what is to change as a further migration.",
                )
            )
        if newest.get(one.projection, one.number) < one.needs:
            found.append(
                Breach(
                    NEWER_MIGRATIONS,
                    place,
                    f"{one.number:04}",
                    said=f"Migration {one.number:04} of {place} was applied by a newer release, "
                    f"and is compatible only with releases that know {one.needs:04}; this one "
                    f"knows {newest[one.projection]:04}.",
                    to_do="Run that release or a later one; migrations are not taken back.",
                )
            )
    return found


def breaches(known: Sequence[Migration], applied: Sequence[Applied]) -> list[Breach]:
    """The same, and what this release needs and was not applied."""
    found = refusals(known, applied)
    for projection, lacking in groupby(missing(known, applied), key=lambda one: one.projection):
        numbers = ", ".join(f"{one.number:04}" for one in lacking)
        found.append(
            Breach(
                MIGRATIONS,
                f"projection {projection}",
                f"without {numbers}",
                said=f"The tables of projection {projection} lack migration {numbers}.",
                to_do="Run `chatlog apply` of this release.",
            )
        )
    return found


def unchanged(known: Sequence[Migration], applied: Sequence[Applied]) -> list[Migration]:
    """Those of projections that no newer release has changed: their columns are known."""
    newest = {one.projection: one.number for one in known}
    changed = {one.projection for one in applied if one.number > newest.get(one.projection, 0)}
    return [one for one in known if one.projection not in changed]


def tables_of(statements: Iterable[str]) -> dict[str, set[str]]:
    """The columns of each table after the statements. Raises ValueError for one it does not know.

    It knows those that can be repeated.
    """
    tables: dict[str, set[str]] = {}
    for statement in statements:
        if match := _CREATE.match(statement):
            tables.setdefault(match[1], set(_COLUMN.findall(match[2])))
        elif match := _ADD.fullmatch(statement):
            tables.setdefault(match[1], set()).add(match[2])
        elif match := _DROP.fullmatch(statement):
            tables.setdefault(match[1], set()).discard(match[2])
        elif match := _DROP_TABLE.fullmatch(statement):
            tables.pop(match[1], None)
        elif not _WITH.fullmatch(statement):
            raise ValueError(f"a migration cannot contain {statement!r}, which cannot be repeated")
    return tables


def statements_of(known: Iterable[Migration]) -> Iterator[str]:
    """All statements, in their order."""
    for migration in known:
        yield from migration.statements


def split_cql(text: str) -> list[str]:
    """The statements of a CQL text, without `--` comments. No literal may hold `;` or `--`."""
    code = "\n".join(line.partition("--")[0] for line in text.splitlines())
    return [statement.strip() for statement in code.split(";") if statement.strip()]
