"""The keyspace, its tables, and statements from asyncio, on a real node."""

from dataclasses import make_dataclass

import pytest

from infra.cassandra import apply, catalogue, connect, execute, split_cql
from infra.errors import UserError
from infra.settings import CassandraSettings, load


@pytest.fixture
def settings(stack):
    program = make_dataclass("Program", [("cassandra", CassandraSettings)])
    return load(program, stack.environment()).cassandra


@pytest.fixture
def session(settings):
    session = connect(settings)
    yield session
    session.cluster.shutdown()


def test_applying_twice_is_harmless(settings):
    assert apply(settings) == apply(settings) == len(catalogue())


async def test_a_prepared_statement_is_awaited(settings, session):
    apply(settings, ["CREATE TABLE IF NOT EXISTS test_pairs (k int PRIMARY KEY, v text)"])
    insert = session.prepare("INSERT INTO test_pairs (k, v) VALUES (?, ?)")
    await execute(session, insert, (1, "one"))
    rows = await execute(session, session.prepare("SELECT v FROM test_pairs WHERE k = ?"), (1,))

    assert [row.v for row in rows] == ["one"]


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
