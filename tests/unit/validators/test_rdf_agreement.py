"""Step 6 against a whole RDF parser: what it takes the parser takes, with statements about the image only.

It refuses more in two places, which the RDF/XML grammar does not have either: ``rdf:parseType`` on an element
that stands for a resource, and namespace prefixes that begin with ``xml``.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pyoxigraph
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from marketplace.sparql.triples import parse_rdf
from tests.attacks.catalogue import statements
from tests.attacks.forging import Attack
from tests.attacks.odd import ODD
from tests.factories.documents import image, unsigned
from tests.factories.identities import make_identity
from validators.canonical import canonicalize_document, remove_child
from validators.constraints import parse_content
from validators.errors import RdfSyntaxError, RefusedError
from validators.iris import is_iri, is_language, is_reference
from validators.parser import parse_document, parse_trusted
from validators.rdf import verify_rdf
from validators.signature_shape import EXCLUSIVE, INCLUSIVE_1_0, SIGNATURE
from validators.vocabulary import BASE

_NAMESPACES = (
    "urn:x#", "http://example.org/a?b=%20&c#", "urn:not one#", "x:é/", "http://[bad/", "http://[::1]/",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "http://purl.org/dc/terms/", "urn:\ufff0",
)  # fmt: skip
_NAMES = (
    "a", "T", "_1", "é", "li", "Seq", "type", "title", "resource", "RDF", "about", "aboutEach", "datatype",
    "ID", "nodeID", "parseType", "bagID", "aboutEachPrefix",
)  # fmt: skip
_IRIS = (
    "", "#a", "a b", "http://example.org/a", "urn:x", "//a:b/", "1:a", "?q=%41", "%4", "//[::1]:80/",
    "//[::1", "//[v1.a]", "http://[::1%251]/", "é", "\ue000", "?\ue000", "a\nb", "a\tb", "<", "..//a", ":",
    "a#b#c",
)  # fmt: skip
_LANGUAGES = (
    "", "en", "de-CH", "EN-us", "no language", "x-a", "x-", "x", "i-klingon", "zh-min-nan", "en-a", "é",
)  # fmt: skip
_TEXTS = ("", " ", "\n\t", "text", " text ", "\r", "&<>]]>", "\u00a0", "\u2028", "<?pi a>b?>")
_PARSE_TYPES = ("Resource", "Literal")
_PARSE_NAMES = ("rdf:parseType", "parseType")


_TEMPLATE = unsigned(image(extra="<!-- here -->"), make_identity())
_SPACES = {"\n": "&#10;", "\t": "&#9;", "\r": "&#13;"}


def _attributes(rng: random.Random, *, node: bool) -> str:
    found = {}
    if rng.random() < 0.15:
        found["xml:lang"] = rng.choice(_LANGUAGES)
    for name in ("rdf:resource", "rdf:datatype"):
        if rng.random() < 0.1:
            found[name] = rng.choice(_IRIS)
    if rng.random() < 0.1:
        found["xml:space"] = "preserve"
    if rng.random() < (0.02 if node else 0.5):
        found[rng.choice(_PARSE_NAMES)] = rng.choice(_PARSE_TYPES)
    return "".join(f" {name}={quoteattr(value, _SPACES)}" for name, value in found.items())


def _text(rng: random.Random) -> str:
    text = rng.choice(_TEXTS) if rng.random() < 0.2 else rng.choice(_TEXTS[:3])
    return text if text.startswith("<?") else escape(text).replace("\r", "&#13;")


def _element(rng: random.Random, depth: int = 0, *, node: bool = False) -> str:
    """Any extension element, mostly one that RDF has."""
    usual = rng.random() < 0.9
    namespace = "urn:x#" if usual else rng.choice(_NAMESPACES)
    name = "a" if usual else rng.choice(_NAMES)
    prefix = "x" if rng.random() < 0.95 else rng.choice(("y", "", "xmlx"))
    declared = f" xmlns{':' if prefix else ''}{prefix}={quoteattr(namespace)}"
    if rng.random() < 0.02:
        prefix, declared = "", ' xmlns=""'
    tag = f"{prefix}{':' if prefix else ''}{name}"
    attributes = _attributes(rng, node=node)
    below = node or "Resource" in attributes
    inner = _text(rng)
    for _ in range(rng.choice((0, 0, 1, 1, 2, 3)) if depth < 5 else 0):
        inner += _element(rng, depth + 1, node=not below if rng.random() < 0.95 else below) + _text(rng)
    return f"<{tag}{declared}{attributes}>{inner}</{tag}>"


def _content(document: bytes, *, exclusive: bool = True) -> bytes:
    """The canonical bytes of a document without its signature, as far as step 1 takes it."""
    root = parse_document(document)
    if (signature := root.find(SIGNATURE)) is not None:
        remove_child(root, signature)
    return canonicalize_document(root, EXCLUSIVE if exclusive else INCLUSIVE_1_0)


def _takes_rdf(content: bytes, identifier: str) -> bool:
    """Whether a whole RDF parser takes it, and all statements are about the image and its parts."""
    try:
        found = parse_rdf(content)
    except RdfSyntaxError:
        return False
    about = pyoxigraph.NamedNode(f"{BASE}#{identifier}")
    return all(one.subject == about or isinstance(one.subject, pyoxigraph.BlankNode) for one in found)


def _is_stricter(root: etree._Element) -> bool:
    """Whether a document has one of the two things that only the whole parser lets through."""
    return any(
        any((prefix or "").startswith("xml") for prefix in element.nsmap)
        or (
            any(name in element.attrib for name in ("parseType", f"{{{element.nsmap['rdf']}}}parseType"))
            and _is_node(element)
        )
        for element in root.iter(etree.Element)
    )


def _is_node(element: etree._Element) -> bool:
    """Whether RDF/XML takes the element for a resource: elements take turns, but below parseType."""
    node = True
    for one in [*reversed(list(element.iterancestors())), element][2:]:
        parent = one.getparent()
        kinds = (
            ()
            if parent is None
            else (parent.get("parseType"), parent.get(f"{{{one.nsmap['rdf']}}}parseType"))
        )
        node = not node and "Resource" not in kinds
    return node


def agree(content: bytes) -> bool | None:
    """Hold both against each other on a document; None where an earlier step refuses it."""
    try:
        root = parse_trusted(content)
        said = parse_content(root)
    except RefusedError:
        return None
    try:
        verify_rdf(content, root, extended=bool(said.metadata.extensions))
    except RdfSyntaxError:
        assert _is_stricter(root) or not _takes_rdf(content, said.identifier), content
        return False
    assert _takes_rdf(content, said.identifier), content
    return True


def _with(extension: str) -> bytes:
    return _TEMPLATE.replace(b"<!-- here -->", extension.encode())


def judge_generated(seed: int, documents: int) -> Counter[bool | None]:
    """Hold both against each other on generated documents; counts what ``agree`` says."""
    rng = random.Random(seed)
    outcomes: Counter[bool | None] = Counter()
    for _ in range(documents):
        document = _with(_element(rng))
        try:
            content = _content(document, exclusive=rng.random() < 0.7)
        except RefusedError:
            outcomes[None] += 1
        else:
            outcomes[agree(content)] += 1
    return outcomes


def test_generated_extensions_are_judged_alike() -> None:
    outcomes = judge_generated(1, 1500)
    assert min(outcomes[True], outcomes[False]) > 200, outcomes


@pytest.mark.soak
def test_many_generated_extensions_are_judged_alike() -> None:
    judge_generated(random.randrange(2**32), 100_000)


def test_extensions_that_rdf_has_are_taken_and_others_refused() -> None:
    """The generator above finds both kinds, or it proves nothing."""
    judged = {
        xml: agree(_content(_with(xml)))
        for xml in (
            '<x:a xmlns:x="urn:x#" rdf:resource="#other"/>',
            '<x:a xmlns:x="urn:x#"> <x:T rdf:resource="urn:y" xml:lang="de-CH"><rdf:li/></x:T>\n</x:a>',
            '<x:a xmlns:x="urn:x#" parseType="Literal"><b xmlns="" rdf:about="urn:y" parseType="a"/></x:a>',
            '<x:a xmlns:x="urn:x#" parseType="Resource"><?pi?> <x:b rdf:datatype="urn:t">1</x:b></x:a>',
            "<dcterms:title>&lt; xml:lang= xmlns:xml</dcterms:title>",
        )
    }
    assert set(judged.values()) == {True}, judged


@pytest.mark.parametrize(
    "xml",
    [
        '<x:a xmlns:x="urn:x#"><x:T rdf:parseType="Resource"><x:p>1</x:p></x:T></x:a>',
        '<x:a xmlns:x="urn:x#"><x:T parseType="Literal"><x:p><x:U rdf:about="urn:y"/></x:p></x:T></x:a>',
        '<x:a xmlns:x="urn:x#" xmlns:xmlx="urn:y#"><xmlx:T/></x:a>',
    ],
)
def test_what_only_a_lenient_parser_takes_is_refused(xml: str) -> None:
    content = _content(_with(xml))
    assert _is_stricter(parse_trusted(content))
    assert agree(content) is False


@pytest.mark.parametrize("attack", statements.ATTACKS, ids=lambda attack: attack.name)
def test_hostile_documents_are_judged_alike(attack: Attack) -> None:
    try:
        content = _content(attack.build())
    except RefusedError:
        return  # an earlier step
    agree(content)


def test_odd_documents_are_judged_alike() -> None:
    assert {agree(_content(build("2024-05-01T12:00:00Z"))) for build in ODD.values()} == {True}


def test_documents_of_the_original_software_are_judged_alike(every_originals: Path) -> None:
    files = [*every_originals.glob("corpus/*.xml"), *every_originals.glob("vectors/*.xml")]
    judged = []
    for file in files:
        try:
            judged.append(agree(_content(file.read_bytes())))
        except RefusedError:
            continue
    assert True in judged


_BITS = st.sampled_from(
    ("http:", "urn:", "x:", "//", "/", "?", "#", ":", "@", "[", "]", "[::1]", "a", "1", "%41", "%4", "..",
     "é", "\ue000", "\ufff0", " ", "+", "^", "[v1.a]", "[v1.é]", "[1:2:3:4:5:6:7::]", "[::01.2.3.4]",
     "[12345::]")
)  # fmt: skip


@settings(max_examples=150)
@given(st.lists(_BITS | st.characters(codec="utf-8"), max_size=8).map("".join))
def test_iris_are_those_of_the_parser(text: str) -> None:
    try:
        pyoxigraph.NamedNode(text)
    except ValueError:
        assert not is_iri(text)
    else:
        assert is_iri(text)
    assert is_reference(text) == _is_taken(f"rdf:resource={quoteattr(text, _SPACES)}", text)


@pytest.mark.parametrize("before", ["x:", "x://", "x://a:", "x://a@", "x://[v1.", "x:?", "x:#"])
def test_iris_have_the_characters_of_the_parser(before: str) -> None:
    after = "]" if "[" in before else ""
    edges = {edge + step for low, high in _RANGES for edge in (low, high) for step in (-1, 0, 1)}
    for code in sorted(edges | set(range(0x300))):
        if not 0xD800 <= code < 0xE000 and 0 <= code < 0x110000:
            text = before + chr(code) + after
            try:
                pyoxigraph.NamedNode(text)
            except ValueError:
                assert not is_iri(text), (before, hex(code))
            else:
                assert is_iri(text), (before, hex(code))


#: The first and the last character of every range that RFC 3987 has.
_RANGES = (
    *((0xA0, 0xD7FF), (0xF900, 0xFDCF), (0xFDF0, 0xFFEF), (0xE1000, 0xEFFFD), (0xE000, 0xF8FF)),
    *((plane << 16, (plane << 16) + 0xFFFD) for plane in (*range(1, 14), 15, 16)),
)


@settings(max_examples=150)
@given(
    st.lists(
        st.sampled_from(
            ("en", "i", "x", "abc", "latn", "123", "1234", "abcde", "a1b2c", "abcdefghi", "1", "u", "")
        )
        | st.text("aeix19EK_é", max_size=9),
        max_size=7,
    ).map("-".join)
)
@example("i-klingon")
@example("zh-min-nan")
@example("sgn-BE-FR")
def test_languages_are_those_of_the_parser(text: str) -> None:
    assert is_language(text) == _is_taken(f"xml:lang={quoteattr(text)}", text)


def _is_taken(attribute: str, text: str) -> bool:
    """Whether the parser takes a property with the attribute; not asked for what no XML can hold."""
    document = (
        f'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xml:base="{BASE}">'
        f'<rdf:Description rdf:about="#a"><x:a xmlns:x="urn:x#" {attribute}/></rdf:Description></rdf:RDF>'
    )
    try:
        parse_rdf(document.encode())
    except RdfSyntaxError:
        return False
    return True
