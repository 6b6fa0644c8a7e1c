"""The keyspace, its tables and a session, on a real node."""

from dataclasses import make_dataclass

import pytest

from infra.access import MIGRATIONS_TABLE
from infra.cassandra import apply, connect
from infra.errors import UserError
from infra.migrations import Migration, catalogue, statements_of, tables_of
from infra.settings import CassandraSettings, load


@pytest.fixture
def settings(stack):
    program = make_dataclass("Program", [("cassandra", CassandraSettings)])
    return load(program, stack.environment()).cassandra


def test_a_session_is_on_the_keyspace_and_speaks_protocol_5(settings):
    session = connect(settings)
    try:
        assert (session.keyspace, session.cluster.protocol_version) == (settings.keyspace, 5)
    finally:
        session.cluster.shutdown()


def test_every_table_belongs_to_a_projection(settings):
    session = connect(settings)
    try:
        tables = session.cluster.metadata.keyspaces[settings.keyspace].tables
    finally:
        session.cluster.shutdown()

    assert set(tables) - {MIGRATIONS_TABLE} == set(tables_of(statements_of(catalogue())))


def test_a_faulty_statement_is_told_in_a_sentence(settings):
    faulty = Migration(
        "faulty",
        1,
        "-- Compatible with releases that know 0001.\nALTER TABLE no ADD IF NOT EXISTS one text",
    )
    with pytest.raises(UserError) as failed:
        apply(settings, [faulty])

    assert failed.value.code == "cassandra_failed"


def test_a_node_that_is_away_is_told_in_a_sentence():
    with pytest.raises(UserError) as failed:
        connect(CassandraSettings(port=1))

    assert failed.value.code == "cassandra_failed"
