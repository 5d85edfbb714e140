"""What the page of an entry says: terms, extensions, badges and commands."""

from __future__ import annotations

import shlex

import pytest

from marketplace.pages.commands import commands
from marketplace.pages.entry_page import trust_badges
from marketplace.pages.terms import MOST_STATEMENTS, MOST_TEXT, facts, statements
from tests.factories.documents import image, signed, unsigned
from tests.factories.identities import make_identity
from tests.factories.signatures import sign_raw
from validators import accept
from validators.document import AcceptedEntry

EXTENSION = (
    '<bio:tool xmlns:bio="http://bio.example.org/#" rdf:parseType="Resource">'
    '<dcterms:identifier>BLAST</dcterms:identifier><bio:home rdf:resource="https://example.org/blast"/>'
    '<bio:threads rdf:datatype="http://www.w3.org/2001/XMLSchema#integer">8</bio:threads>'
    '<bio:note xml:lang="fr">Bonjour</bio:note></bio:tool>'
    '<bio:manual xmlns:bio="http://bio.example.org/#" rdf:parseType="Literal">Log in as <b id="x">root</b>.'
    "</bio:manual>"
)


def entry(**fields: object) -> AcceptedEntry:
    return accept(signed(image(**fields)))


def test_terms_have_labels_and_all_their_values():
    more = (
        "<slterms:inbound-port>22</slterms:inbound-port><slterms:inbound-port>80</slterms:inbound-port>"
        f"<dcterms:replaces>{image(content='old').about}</dcterms:replaces>"
        '<dcterms:publisher xml:lang="de">Verlag</dcterms:publisher><dcterms:audience>  </dcterms:audience>'
    )
    found = {fact.label: fact for fact in facts(entry(extra=more))}
    assert [value.text for value in found["Inbound ports"].values] == ["22", "80"]
    assert found["Replaces"].values[0].image == image(content="old").about
    assert (found["Publisher"].values[0].language, found["Publisher"].name) == ("de", "dcterms:publisher")
    assert {"System", "Architecture", "Format"} <= found.keys() and "Audience" not in found


def test_extensions_keep_their_nesting_attributes_and_mixed_text():
    tool, manual = statements(entry(extra=EXTENSION).metadata.extensions).listed
    assert (tool.name, tool.namespace) == ("tool", "http://bio.example.org/#")
    name, home, threads, note = tool.children
    assert (name.name, name.text) == ("identifier", "BLAST")
    assert home.href == home.resource == "https://example.org/blast"
    assert (threads.text, threads.notes, note.notes) == ("8", ("integer",), ("fr",))
    assert (manual.text, manual.notes) == ("Log in as", ("XML",))
    (bold,) = manual.children
    assert (bold.text, bold.tail, bold.notes) == ("root", ".", ("id = x",))


def test_extensions_are_bounded_and_what_is_left_out_is_counted():
    many = (
        '<x:all xmlns:x="http://x.example/#" rdf:parseType="Resource">' + "<x:n>1</x:n>" * 1000 + "</x:all>"
    )
    found = statements(entry(extra=many).metadata.extensions)
    assert found.left_out == 1001 - MOST_STATEMENTS
    long = f'<x:n xmlns:x="http://x.example/#">{"x" * 60_000}</x:n>'
    (one,) = statements(entry(extra=long).metadata.extensions).listed
    assert len(one.text) == MOST_TEXT


def test_commands_survive_any_address_and_say_what_legacy_needs():
    shifty = make_identity("Shifty", "a%b+c@example.org")
    accepted = accept(signed(image(), shifty))
    fetch, verify, show = commands(accepted, "https://site.example/base", "ID/a%25b+c@example.org/T")
    assert shlex.split(fetch.line)[-1] == "https://site.example/base/metadata/ID/a%25b+c@example.org/T"
    assert shlex.split(show.line)[-1] == accepted.coordinates.path()
    assert shlex.split(verify.line) == ["marketplace", "verify", f"{accepted.identifier}.xml"]
    old = make_identity("Old", "old@example.org", "rsa1024")
    legacy = accept(sign_raw(unsigned(image(), old), old))
    assert "--allow-legacy" in commands(legacy, "https://site.example", "x")[1].line


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (signed(image()), {"strong signature", "self-signed certificate"}),
        (
            signed(image(), make_identity("Claims", None), email="claims@example.org"),
            {"strong signature", "self-signed certificate", "e-mail not confirmed"},
        ),
    ],
)
def test_badges_say_how_far_the_signature_carries(data: bytes, expected: set[str]):
    assert {badge.text for badge in trust_badges(accept(data))} == expected
