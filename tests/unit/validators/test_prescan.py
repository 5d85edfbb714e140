"""Step 1: what the bytes may be, and that both parsers read the same from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.costs import JUDGING, cost, verify_cost
from tests.factories.signatures import C14N, ENVELOPED, EXCLUSIVE
from tests.unit.validators.judging import made, put_last
from validators import accept
from validators.errors import AmbiguousParseError, LimitError, ParseStepError, RefusedError
from validators.parser import parse_document
from validators.prescan import LIMITS, verify_prescan

HEAD = '<r xmlns="urn:r" xmlns:a="urn:a">'


def wrap(inner: str) -> bytes:
    return f"{HEAD}{inner}</r>".encode()


def scan_code(data: bytes) -> str:
    with pytest.raises(ParseStepError) as caught:
        parse_document(data)
    assert caught.value.step == 1
    return caught.value.code


def nested(depth: int) -> bytes:
    return b"<r>" * depth + b"</r>" * depth


def declarations(count: int) -> str:
    return "".join(f' xmlns:n{n}="urn:n{n}"' for n in range(count))


def attributes(count: int) -> str:
    return "".join(f' a{n}="1"' for n in range(count))


def attempt(data: bytes) -> str | None:
    """Accept a document: None, or the code of the refusal."""
    try:
        accept(data)
    except RefusedError as refusal:
        return refusal.code
    return None


AT_LIMIT = {
    "depth": nested(LIMITS.depth),
    "elements": b"<r>" + b"<e/>" * (LIMITS.elements - 1) + b"</r>",
    "attributes": f"<r{attributes(LIMITS.attributes)}/>".encode(),
    "namespaces": f"<r{declarations(LIMITS.namespaces)}/>".encode(),
    "namespaces of siblings": ("<r>" + '<e xmlns="urn:e"/>' * LIMITS.namespaces + "</r>").encode(),
    "comments": b"<r>" + b"<!---->" * LIMITS.comments + b"</r>",
    "instructions": b"<r>" + b"<?a?>" * LIMITS.comments + b"</r>",
    "text": b"<r>" + b"x" * LIMITS.text + b"</r>",
    "attribute": b'<r a="' + b"x" * LIMITS.text + b'"/>',
    "name": f"<{'n' * LIMITS.name}/>".encode(),
    "attribute name": f'<r {"n" * LIMITS.name}="1"/>'.encode(),
    "prefix": f'<r xmlns:{"p" * LIMITS.name}="urn:p"/>'.encode(),
    "target": f"<r><?{'t' * LIMITS.name}?></r>".encode(),
    "texts in a row": b"<r>" + (b"x" * 40_000 + b"<e/>") * 4 + b"</r>",
    "namespace name": b'<r xmlns="urn:' + b"x" * (LIMITS.name - 4) + b'"/>',
    "size": b"<r><!--" + b"x" * (LIMITS.size - 14) + b"--></r>",
}
OVER_LIMIT = {
    "limit.depth": [nested(LIMITS.depth + 1)],
    "limit.elements": [b"<r>" + b"<e/>" * LIMITS.elements + b"</r>"],
    "limit.attributes": [f"<r{attributes(LIMITS.attributes + 1)}/>".encode()],
    "limit.namespaces": [
        f"<r{declarations(LIMITS.namespaces + 1)}/>".encode(),
        ("<r>" + '<e xmlns="urn:e"/>' * (LIMITS.namespaces + 1) + "</r>").encode(),
    ],
    "limit.comments": [
        b"<r>" + b"<!---->" * (LIMITS.comments + 1) + b"</r>",
        b"<r>" + b"<?a?>" * (LIMITS.comments + 1) + b"</r>",
        b"<!---->" * LIMITS.comments + b"<r><?a?></r>",
        b"<r><?a?></r>" + b"<!---->" * LIMITS.comments,
    ],
    "limit.text": [
        b"<r>" + b"x" * (LIMITS.text + 1) + b"</r>",
        b"<r>" + b"x" * 40_000 + b"<!-- -->" + b"x" * 40_000 + b"</r>",
        b"<r>" + b"<![CDATA[" + b"x" * 40_000 + b"]]>" + b"x" * 40_000 + b"</r>",
        b"<r>" + b"&#120;" * (LIMITS.text + 1) + b"</r>",
        b'<r a="' + b"x" * (LIMITS.text + 1) + b'"/>',
    ],
    "limit.name": [
        f"<{'n' * (LIMITS.name + 1)}/>".encode(),
        f'<p:{"n" * (LIMITS.name + 1)} xmlns:p="urn:p"/>'.encode(),
        f'<r {"n" * (LIMITS.name + 1)}="1"/>'.encode(),
        f'<r xmlns:{"p" * (LIMITS.name + 1)}="urn:p"/>'.encode(),
        f"<r><?{'t' * (LIMITS.name + 1)}?></r>".encode(),
        b'<r xmlns="urn:' + b"x" * (LIMITS.name - 3) + b'"/>',
    ],
    "limit.size": [b"<r>" + b"<!--" + b"x" * (LIMITS.size - 13) + b"--></r>", b"\0" * (LIMITS.size + 1)],
}


@pytest.mark.parametrize("data", AT_LIMIT.values(), ids=AT_LIMIT.keys())
def test_everything_up_to_a_limit_passes(data: bytes) -> None:
    assert verify_prescan(data)


@pytest.mark.parametrize(
    ("expected", "data"), [(name, data) for name, documents in OVER_LIMIT.items() for data in documents]
)
def test_everything_above_a_limit_is_refused(expected: str, data: bytes) -> None:
    assert scan_code(data) == expected


def test_names_of_elements_count_beside_their_attributes() -> None:
    written = "".join(f' n:a{n:02}=""' for n in range(LIMITS.attributes))
    uri = "urn:" + "u" * (LIMITS.name - 4)
    attributes_of_one = LIMITS.attributes * (LIMITS.name + len("}a00"))

    def scanned(count: int, name: str) -> bytes:
        return f'<r xmlns:n="{uri}">{f"<{name}{written}/>" * count}</r>'.encode()

    most = LIMITS.expanded // attributes_of_one
    assert verify_prescan(scanned(most, "e"))
    assert scan_code(scanned(most, "n:" + "e" * LIMITS.name)) == "limit.namespaces"
    assert scan_code(scanned(most + 1, "e")) == "limit.namespaces"


def test_a_long_name_in_a_long_namespace_counts_without_it() -> None:
    long = "n" * LIMITS.name
    assert verify_prescan(f'<a:{long} xmlns:a="urn:{"x" * 250}" a:{long}="1"/>'.encode())


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(
            b"<r" + b" a%d='1'" * 0 + b"".join(b" a%d=''" % n for n in range(90_000)) + b"/>", id="attributes"
        ),
        pytest.param(
            b"<r" + b"".join(b" xmlns:a%d='urn:a'" % n for n in range(45_000)) + b"/>", id="namespaces"
        ),
        pytest.param(b"<a>" * 340_000, id="depth"),
        pytest.param(b"<r>" + b"<a/>" * 250_000 + b"</r>", id="elements"),
        pytest.param(b"<r>" + b"&#65;" * 200_000 + b"</r>", id="references"),
        pytest.param(b"<r>" + b"<!---->" * 149_000 + b"</r>", id="comments"),
        pytest.param(b"<r>" + b"<?a?>" * 200_000 + b"</r>", id="instructions"),
        pytest.param(b"<" * 1_000_000, id="angles"),
        pytest.param(b"<r a='" + b"&#10;" * 200_000 + b"'/>", id="attribute"),
    ],
)
def test_floods_are_refused_quickly(data: bytes) -> None:
    assert len(data) <= LIMITS.size
    with pytest.raises(RefusedError):
        accept(data)
    verify_cost(cost(lambda: attempt(data)), JUDGING)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"   ",
        b"text",
        b"<r>",
        b"<r></q>",
        b"<r a='1' a='2'/>",
        b"<r a=1/>",
        b"<r>&unknown;</r>",
        b"<r/>&#32;",
        b"<r>&#0;</r>",
        b"<r>&#xD800;</r>",
        b"<r>\x01</r>",
        b"<p:r/>",
        b"<r p:a='1'/>",
        b"<a:r xmlns:a=''/>",
        b"<r xmlns:a='urn:x' xmlns:b='urn:x' a:q='1' b:q='2'/>",
        b"<r xmlns:xmlns='urn:x'/>",
        b"<r xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
        b"<?xml version='1.0'?><?xml version='1.0'?><r/>",
        b" <?xml version='1.0'?><r/>",
        b"<r><!-- -- --></r>",
        b"<r>]]></r>",
        b"<r xmlns='urn:x}y'/>",
        b"<r xmlns='urn: y'/>",
        "<r>\ufffe</r>".encode(),
        b"\xef\xbb\xbf\xef\xbb\xbf<r/>",
    ],
)
def test_bytes_that_are_not_well_formed_are_refused(data: bytes) -> None:
    assert scan_code(data) == "parse.not-well-formed"


@pytest.mark.parametrize(
    "data",
    [
        b"<r/>text",
        b"<r/><r/>",
        b"<r/><?pi x?>",
        b"<?pi x?><r/>",
        b"<?xml-stylesheet href='x'?><r/>",
        b"<r/><![CDATA[]]>",
    ],
)
def test_nothing_but_white_space_and_comments_stands_outside_the_root(data: bytes) -> None:
    assert scan_code(data) == "parse.outside-root"


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE r><r/>",
        b"<!DOCTYPE r SYSTEM 'file:///etc/passwd'><r/>",
        b"<!DOCTYPE r PUBLIC 'a' 'http://example.org/'><r/>",
        b"<!DOCTYPE r [<!ENTITY a 'b'>]><r>&a;</r>",
        b"<!DOCTYPE r [<!ENTITY % a SYSTEM 'http://example.org/'>%a;]><r/>",
        b"<!DOCTYPE r [<!ATTLIST r a CDATA 'x'>]><r/>",
        b"<?xml version='1.0'?><!-- x --><!DOCTYPE r []><r/>",
    ],
)
def test_any_doctype_is_refused(data: bytes) -> None:
    assert scan_code(data) == "parse.doctype"


@pytest.mark.parametrize(
    "data",
    [
        "<r/>".encode("utf-16"),
        "<r/>".encode("utf-16-le"),
        "<r/>".encode("utf-32"),
        b"<r>\xe9</r>",
        b"<r>\xc0\xaf</r>",
        b"<r>\xed\xa0\x80</r>",
        b"<r>\0</r>",
        b"<?xml version='1.0' encoding='ISO-8859-1'?><r/>",
        b"<?xml version='1.0' encoding='UTF-16'?><r/>",
        b"<?xml version='1.0' encoding='utf8'?><r/>",
        b"<?xml version='1.0' encoding='UTF-7'?><r>+ADw-</r>",
        b"<?xml version='1.0' encoding='US-ASCII'?><r/>",
        b"<?xml version='1.0' encoding='cp037'?><r/>",
        "<?xml version='1.0'?><r/>".encode("cp037"),
    ],
)
def test_only_utf8_is_read(data: bytes) -> None:
    assert scan_code(data) == "parse.encoding"


@pytest.mark.parametrize(
    "data",
    [
        b"<?xml version='1.1'?><r/>",
        b"<?xml version='1.1' encoding='UTF-8'?><r/>",
        b"<?xml version='1.2'?><r/>",
    ],
)
def test_only_xml_1_0_is_read(data: bytes) -> None:
    assert scan_code(data) in ("parse.version", "parse.not-well-formed")


@pytest.mark.parametrize("uri", ["relative", "a/b", "#x", "//host/x", "?q", "1:x", ":x"])
def test_relative_namespace_names_are_refused(uri: str) -> None:
    assert scan_code(f'<r xmlns:a="{uri}"/>'.encode()) == "parse.relative-namespace"
    assert scan_code(f'<r xmlns="{uri}"/>'.encode()) == "parse.relative-namespace"


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf<r/>",
        b"<?xml version='1.0' encoding='utf-8'?><r/>",
        b"<?xml version='1.0' encoding='UTF-8' standalone='yes'?>\r\n<!-- a -->\t<r/>\n<!-- b --> ",
        b"<r xmlns='urn:x'><e xmlns=''/></r>",
        b"<r><![CDATA[<x>&]]></r>",
        b"<r>&lt;&#233;&#x1F600;</r>",
        b"<r xml:lang='de' xml:space='preserve' xml:id='a'/>",
        b"<r><?pi in the root?><e/></r>",
    ],
)
def test_legitimate_oddities_pass(data: bytes) -> None:
    assert parse_document(data).tag in ("r", "{urn:x}r")


@given(st.binary(max_size=200))
def test_any_bytes_are_scanned_or_refused(data: bytes) -> None:
    try:
        names = verify_prescan(data)
    except ParseStepError:
        return
    assert names


TREES = st.recursive(
    st.sampled_from(["", "text", "&amp;", "<!-- c -->", "<?p i?>", "<![CDATA[x]]>"]),
    lambda inner: st.builds(
        lambda name, attribute, parts: f"<{name}{attribute}>{''.join(parts)}</{name.split(' ')[0]}>",
        st.sampled_from(["e", "a:e", 'e xmlns=""', 'b:e xmlns:b="urn:b"', "é"]),
        st.sampled_from(["", ' x="1"', ' a:x="&lt;"', ' xml:lang="en"']),
        st.lists(inner, max_size=4),
    ),
    max_leaves=30,
)


@given(TREES)
def test_both_parsers_read_the_same_elements(inner: str) -> None:
    data = wrap(inner)
    try:
        names = verify_prescan(data)
    except LimitError:
        return
    clark = ["{" + name if "}" in name else name for name in names]
    assert clark == [element.tag for element in etree.fromstring(data).iter(etree.Element)]


@pytest.mark.parametrize("inner", ["", "<e/>", "<!-- c -->", '<e xmlns=""/>'])
@pytest.mark.parametrize(
    "names",
    [["urn:r}r", "urn:r}hidden"], ["urn:r}r", "r"], ["urn:other}r"], ["r"], [], ["urn:r}r{urn:r}e"]],
)
def test_a_difference_between_the_parsers_is_refused(
    monkeypatch: pytest.MonkeyPatch, names: list[str], inner: str
) -> None:
    monkeypatch.setattr("validators.parser.verify_prescan", lambda data: names)
    with pytest.raises(AmbiguousParseError):
        parse_document(wrap(inner))


def test_bytes_that_only_libxml2_refuses_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("validators.parser.verify_prescan", lambda data: [])
    assert scan_code(b"<r") == "parse.not-well-formed"


def many(count: int, each: str) -> str:
    return each * count


NAMES = "".join(f' xmlns:n{n}="urn:{n}{"u" * 240}"' for n in range(50))
HEAVY = {
    "namespaces written again": f'<w xmlns="urn:w#" xmlns:a="urn:{"u" * 250}" rdf:parseType="Literal">'
    + many(1_900, "<a:x/>")
    + "</w>",
    "namespaces in a literal": f'<w xmlns="urn:w#"{NAMES} rdf:parseType="Literal">'
    + many(1_900, "<x/>")
    + "</w>",
    "namespaces in depth": f'<w xmlns="urn:w#"{NAMES} rdf:parseType="Literal">'
    + many(70, "<x>" * 26 + "</x>" * 26)
    + "</w>",
    "text": many(14, '<w xmlns="urn:w#">' + "x" * 65_000 + "</w>"),
    "attributes": '<w xmlns="urn:w#" rdf:parseType="Literal">'
    + many(900, "<x" + "".join(f' attribute{n}="1"' for n in range(64)) + "/>")
    + "</w>",
    "terms": many(1_900, "<dcterms:alternative>1</dcterms:alternative>"),
}


@pytest.mark.parametrize("xml", HEAVY.values(), ids=HEAVY.keys())
@pytest.mark.parametrize("c14n", [C14N, EXCLUSIVE])
def test_the_heaviest_signed_documents_are_judged_quickly(xml: str, c14n: str) -> None:
    data = made(put_last(xml), c14n=c14n, transforms=(ENVELOPED, c14n))
    assert attempt(data) in (None, "limit.size")
    verify_cost(cost(lambda: attempt(data)), JUDGING)
