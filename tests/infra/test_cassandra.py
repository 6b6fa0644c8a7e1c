"""The keyspace, its tables and a session, on a real node."""

from dataclasses import make_dataclass

import pytest

from infra.cassandra import apply, catalogue, connect, split_cql
from infra.errors import UserError
from infra.settings import CassandraSettings, load


@pytest.fixture
def settings(stack):
    program = make_dataclass("Program", [("cassandra", CassandraSettings)])
    return load(program, stack.environment()).cassandra


def test_applying_twice_is_harmless(settings):
    assert apply(settings) == apply(settings) == len(catalogue())


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

    text = " ".join(catalogue())
    assert [name for name in tables if name not in text] == []


def test_a_faulty_statement_is_told_in_a_sentence(settings):
    with pytest.raises(UserError) as failed:
        apply(settings, ["CREATE TABEL x"])

    assert failed.value.code == "cassandra_failed"


def test_a_node_that_is_away_is_told_in_a_sentence():
    with pytest.raises(UserError) as failed:
        connect(CassandraSettings(port=1))

    assert failed.value.code == "cassandra_failed"


def test_a_text_is_split_into_statements_without_comments():
    assert split_cql("-- why\nCREATE a; -- and\n\nCREATE\n  b;\n") == ["CREATE a", "CREATE\n  b"]
