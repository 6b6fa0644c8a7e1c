"""What is known of migrations, and what is said of a keyspace that has others."""

import pytest

from infra.demands.cassandra import missing_tables
from infra.demands.catalogue import refuse
from infra.errors import UserError
from infra.exits import Exit
from infra.migrations import (
    Applied,
    Migration,
    breaches,
    catalogue,
    lost_tables,
    missing,
    refusals,
    split_cql,
    standing,
    tables_of,
)

COMPATIBLE = "-- Compatible with releases that know 0001."


def created(table: str) -> str:
    return f"{COMPATIBLE}\nCREATE TABLE IF NOT EXISTS {table} (\n  id text PRIMARY KEY\n)"


def added(column: str) -> str:
    return f"{COMPATIBLE}\nALTER TABLE notes ADD IF NOT EXISTS {column} text"


FIRST = Migration("notes", 1, created("notes"))
SECOND = Migration("notes", 2, added("title"))
OTHER = Migration("marks", 1, created("marks"))
KNOWN = [OTHER, FIRST, SECOND]


def had(*migrations: Migration) -> list[Applied]:
    return [Applied(one.projection, one.number, one.digest, one.needs) for one in migrations]


def test_every_projection_with_rows_has_migrations_that_are_well_written() -> None:
    known = catalogue()
    assert {one.projection for one in known} == {"history", "inbox", "receipts"}
    assert breaches(known, had(*known)) == []


def test_what_was_applied_is_not_missing() -> None:
    assert missing(KNOWN, []) == KNOWN
    assert missing(KNOWN, had(OTHER, FIRST)) == [SECOND]
    assert missing(KNOWN, had(*KNOWN)) == []


def test_a_keyspace_that_lacks_migrations_is_told_with_what_to_do() -> None:
    (marks, notes) = breaches(KNOWN, [])
    assert refusals(KNOWN, []) == []
    assert marks.sentence == "The tables of projection marks lack migration 0001."
    assert notes.sentence == "The tables of projection notes lack migration 0001, 0002."
    assert notes.remedy == "Run `chatlog apply` of this release."


def test_what_was_applied_and_is_gone_is_applied_again_and_told() -> None:
    applied = had(*KNOWN)
    assert standing(KNOWN, applied, {"notes", "marks", "others"}) == applied
    assert standing(KNOWN, applied, {"marks"}) == had(OTHER)
    assert missing(KNOWN, standing(KNOWN, applied, {"marks"})) == [FIRST, SECOND]
    assert lost_tables(KNOWN, had(OTHER), set()) == [("marks", "marks")]
    (breach,) = missing_tables(lost_tables(KNOWN, applied, {"marks"}))
    assert breach.sentence == "Table notes of projection notes is missing, though it was applied."
    assert "chatlog apply" in breach.remedy


def test_tables_that_a_newer_release_may_have_removed_are_not_asked_for() -> None:
    newer = [*had(*KNOWN), Applied("notes", 3, "later", 1)]
    assert lost_tables(KNOWN, newer, {"marks"}) == []


def test_a_release_goes_on_beside_what_is_newer_if_it_knows_enough() -> None:
    third = Migration("notes", 3, added("body"))
    dropped = "ALTER TABLE notes DROP IF EXISTS title"
    fourth = Migration("notes", 4, f"-- Compatible with releases that know 0003.\n{dropped}")
    assert breaches(KNOWN, had(*KNOWN, third)) == []
    assert breaches([*KNOWN, third], had(*KNOWN, third, fourth)) == []
    (newer,) = breaches(KNOWN, had(*KNOWN, third, fourth))
    assert newer.sentence == (
        "Migration 0004 of projection notes was applied by a newer release, and is compatible "
        "only with releases that know 0003; this one knows 0002."
    )
    assert newer.remedy.startswith("Run that release or a later one")
    # A projection that this release does not have does not concern it.
    assert breaches([FIRST, SECOND], had(*KNOWN)) == []


def test_a_changed_text_is_refused_with_the_status_of_settings() -> None:
    changed = Migration("notes", 1, FIRST.text + " ")
    with pytest.raises(UserError) as refused:
        refuse(refusals(KNOWN, had(changed, SECOND, OTHER)))
    assert refused.value.exit_status == Exit.SETTINGS
    assert "projections/notes/migrations/0001.cql" in refused.value.sentence
    assert "further migration" in refused.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TABLE notes ADD IF NOT EXISTS title text",
        f"-- Why.\n{COMPATIBLE}\nDROP TABLE IF EXISTS notes",
        f"{COMPATIBLE}\nCREATE TABLE notes (id text PRIMARY KEY)",
        f"{COMPATIBLE}\nALTER TABLE notes ADD title text",
        f"{COMPATIBLE}\nALTER TABLE notes ADD IF NOT EXISTS (title text, body text)",
        f"{COMPATIBLE}\nALTER TABLE notes DROP title",
        f"{COMPATIBLE}\nDROP TABLE notes",
        f"{COMPATIBLE}\nTRUNCATE notes",
        f"{COMPATIBLE}\nALTER TABLE notes DROP IF EXISTS title",
        f"{COMPATIBLE}\nDROP TABLE IF EXISTS notes",
        "-- Compatible with releases that know 0002.\nDROP TABLE IF EXISTS notes",
        "-- Compatible with releases that know 0000.\nDROP TABLE IF EXISTS notes",
    ],
)
def test_a_migration_says_which_releases_go_on_and_can_be_carried_out_again(text: str) -> None:
    with pytest.raises(ValueError, match=r"must say|cannot contain|removes"):
        Migration("notes", 1, text)


def test_columns_are_what_all_migrations_together_make() -> None:
    create = (
        "CREATE TABLE IF NOT EXISTS a (\n  id text,\n  b int,\n  PRIMARY KEY (id)\n) WITH x = 1"
    )
    assert tables_of([create]) == {"a": {"id", "b"}}
    assert tables_of(
        [
            create,
            "ALTER TABLE a ADD IF NOT EXISTS c map<text, bigint> static",
            "ALTER TABLE a DROP IF EXISTS b",
            "ALTER TABLE a WITH comment = 'more'",
            create.replace("EXISTS a", "EXISTS gone"),
            "DROP TABLE IF EXISTS gone",
        ]
    ) == {"a": {"id", "c"}}


def test_a_text_is_split_into_statements_without_comments() -> None:
    assert split_cql("-- why\nCREATE a; -- and\n\nCREATE\n  b;\n") == ["CREATE a", "CREATE\n  b"]
