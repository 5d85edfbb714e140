"""An entry as statements about its resource."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from pyoxigraph import BlankNode, Literal, NamedNode, Triple

from marketplace.sparql.resource import TAG, latest, resource, statements
from validators.document import Coordinates

CREATED = datetime(2024, 5, 1, 12, tzinfo=UTC)
TITLE = NamedNode("http://purl.org/dc/terms/title")
PART = NamedNode("http://example.org/part")
IMAGE = NamedNode("http://mp.stratuslab.eu/#PABC")
SUBJECT = resource(Coordinates("PABC", "jane@example.org", CREATED))


def test_the_resource_is_named_by_the_coordinates() -> None:
    assert SUBJECT.value == "http://mp.stratuslab.eu/#PABC/jane@example.org/2024-05-01T12:00:00Z"


@given(st.from_regex(r"[A-Za-z0-9._%+-]{1,20}@[a-z]{1,5}", fullmatch=True))
def test_every_email_makes_a_valid_and_own_resource(email: str) -> None:
    name = resource(Coordinates("PABC", email, CREATED)).value
    assert name.replace("%25", "%") == f"http://mp.stratuslab.eu/#PABC/{email}/2024-05-01T12:00:00Z"


def test_statements_move_to_the_resource_and_lose_their_tags() -> None:
    nested = BlankNode("x")
    quads = list(
        statements(
            SUBJECT,
            "a" * 64,
            [
                Triple(IMAGE, TITLE, Literal("Tiny", language="en")),
                Triple(IMAGE, TAG, Literal("latest")),
                Triple(IMAGE, PART, nested),
                Triple(nested, TAG, Literal("latest")),
                Triple(nested, TITLE, Literal("Part")),
            ],
        )
    )
    assert [(quad.subject, quad.predicate) for quad in quads] == [
        (SUBJECT, TITLE),
        (SUBJECT, PART),
        (quads[1].object, TITLE),
    ]
    assert isinstance(quads[1].object, BlankNode)
    assert quads[0].object == Literal("Tiny", language="en")


def test_blank_nodes_are_the_same_each_time_and_never_those_of_another_entry() -> None:
    def labels(entry_id: str, first: str, second: str) -> list[object]:
        triples = [
            Triple(IMAGE, PART, BlankNode(first)),
            Triple(IMAGE, PART, BlankNode(second)),
            Triple(BlankNode(first), TITLE, Literal("first")),
        ]
        return [quad.object for quad in statements(SUBJECT, entry_id, triples)][:2]

    one = labels("a" * 64, "x", "y")
    assert one == labels("a" * 64, "p", "q")
    assert len({*one, *labels("b" * 64, "x", "y")}) == 4


def test_the_mark_of_the_current_entry() -> None:
    assert str(latest(SUBJECT)) == f'{SUBJECT} <http://mp.stratuslab.eu/slterms#tag> "latest"'
