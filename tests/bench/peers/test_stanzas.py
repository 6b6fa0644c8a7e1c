"""XMPP's stream in any pieces."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.peers import stanzas
from bench.peers.stanzas import StanzaReader

HEADER = (
    b"<?xml version='1.0'?><stream:stream id='1' version='1.0' xml:lang='en' "
    b"xmlns:stream='http://etherx.jabber.org/streams' from='localhost' xmlns='jabber:client'>"
)
MESSAGE = (
    b"<message xml:lang='en' to='b@localhost/bench' from='a@localhost/bench' type='chat' "
    b"id='r0000002a-17-3' xmlns='jabber:client'><archived by='b@localhost' id='1795292448566091'/>"
    b"<stanza-id by='b@localhost' id='r1'/><body>a &lt;b&gt; &amp; c</body></message>"
)
FORWARDED = (
    b"<message from='a@localhost'><sent xmlns='urn:xmpp:carbons:2'><forwarded>"
    b"<message id='inner'><body>x</body></message><message id='empty'/>"
    b"</forwarded></sent></message>"
)
STANZAS = [
    b"<?xml version='1.0'?>",
    HEADER.partition(b"?>")[2],
    b"<stream:features><mechanisms><mechanism>PLAIN</mechanism></mechanisms></stream:features>",
    b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    b"<iq type='result' id='bind'><bind><jid>a@localhost/bench</jid></bind></iq>",
    MESSAGE,
    b"<r xmlns='urn:xmpp:sm:3'/>",
    FORWARDED,
    b'<a h="12" xmlns="urn:xmpp:sm:3"/>',
    b"<presence from='a@localhost'><priority>1</priority></presence>",
    b"</stream:stream>",
]
STREAM = b"\n".join(STANZAS)


def read(pieces: list[bytes]) -> list[bytes]:
    reader = StanzaReader()
    return [stanza for piece in pieces for stanza in reader.feed(piece)]


def test_whole_stanzas_are_read_from_one_piece():
    assert read([STREAM]) == STANZAS


def test_whole_stanzas_are_read_byte_by_byte():
    assert read([STREAM[at : at + 1] for at in range(len(STREAM))]) == STANZAS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_where_it_is_cut_does_not_matter(cuts):
    places = [0, *sorted(cuts), len(STREAM)]
    assert read([STREAM[a:b] for a, b in itertools.pairwise(places)]) == STANZAS


def test_a_name_that_begins_like_another_does_not_end_it():
    stanza = b"<a><abc>1</abc><a/><ab></ab></a>"
    assert read([stanza + b"<r/>"]) == [stanza, b"<r/>"]


def test_a_message_says_its_run_number_and_place():
    assert stanzas.message_of(MESSAGE) == (42, 17, 3)
    assert stanzas.message_of(FORWARDED) is None


def test_an_error_is_told_from_its_content():
    bounced = MESSAGE.replace(b"type='chat'", b"type='error'")
    quoting = MESSAGE.replace(b"a &lt;b&gt;", b"type='error'")
    assert stanzas.is_error(bounced)
    assert not stanzas.is_error(quoting)


@pytest.mark.parametrize("quote", [b"'", b'"'])
def test_answers_are_known_by_either_quote(quote):
    iq = b"<iq to='x' id='ping' type='result'/>".replace(b"'", quote)
    assert stanzas.is_iq("ping")(iq)
    assert not stanzas.is_iq("pin")(iq)
    assert stanzas.handled(b"<a xmlns='urn:xmpp:sm:3' h='12'/>".replace(b"'", quote)) == 12
    joined = b"<presence from='r@c/me'><x><status code='110'/></x></presence>"
    assert stanzas.is_own_presence(joined.replace(b"'", quote))
    assert not stanzas.is_own_presence(joined.replace(b"110", b"100"))
