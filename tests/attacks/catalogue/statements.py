"""RDF that speaks about somebody else's image, or in a way that others read differently."""

from __future__ import annotations

from tests.attacks.forging import Attack, Build, edit, entry, last

KIND = "RDF"
OTHER = "AAAAAAAAAAAAAAAAAAAAAAAAAAA"


def _in(old: str, new: str) -> Build:
    return lambda: entry(edit(old, new))


def _extension(xml: str) -> Build:
    return lambda: entry(last(xml))


_ABOUT = "<rdf:Description "
_X = 'xmlns:x="urn:x#"'

_BASES = {
    "xml:base left out": ("xml:base=", "xml:lang="),
    "xml:base of another site": ('eu/">', 'eu.evil.org/">'),
    "xml:base with a path": ('eu/">', 'eu/x/">'),
    "xml:base without the slash": ('eu/">', 'eu">'),
    "xml:base with a fragment": ('eu/">', 'eu/#">'),
    "xml:base with white space": ('eu/">', 'eu/ ">'),
    "xml:base by TLS": ('base="http:', 'base="https:'),
    "xml:base in capitals": ('base="http://mp', 'base="HTTP://MP'),
    "base without its namespace": ("xml:base=", "base="),
}

ATTACKS = [
    *(Attack(KIND, name, "shape.base", _in(*change)) for name, change in _BASES.items()),
    Attack(
        KIND,
        "xml:base of the description",
        "shape.attribute",
        _in(_ABOUT, _ABOUT + 'xml:base="http://example.org/" '),
    ),
    Attack(
        KIND,
        "xml:base of an extension",
        "extension.attribute",
        _extension(f'<x:a {_X} xml:base="http://example.org/" rdf:resource="#y"/>'),
    ),
    Attack(
        KIND,
        "xml:base of a value",
        "shape.attribute",
        _in("<dcterms:title>", '<dcterms:title xml:base="http://x.org/">'),
    ),
    Attack(
        KIND,
        "xml:base of the endorsement",
        "shape.attribute",
        _in("<slreq:endorsement ", '<slreq:endorsement xml:base="http://x.org/" '),
    ),
    Attack(
        KIND,
        "property attribute on the description",
        "shape.attribute",
        _in(_ABOUT, _ABOUT + 'dcterms:title="x" '),
    ),
    Attack(
        KIND,
        "deprecation as a property attribute",
        "shape.attribute",
        _in(_ABOUT, _ABOUT + 'slterms:deprecated="x" '),
    ),
    Attack(KIND, "rdf:ID on the description", "shape.attribute", _in(_ABOUT, _ABOUT + 'rdf:ID="x" ')),
    Attack(KIND, "rdf:nodeID on the description", "shape.attribute", _in(_ABOUT, _ABOUT + 'rdf:nodeID="x" ')),
    Attack(KIND, "rdf:bagID on the description", "shape.attribute", _in(_ABOUT, _ABOUT + 'rdf:bagID="x" ')),
    Attack(
        KIND,
        "rdf:type on the description",
        "shape.attribute",
        _in(_ABOUT, _ABOUT + 'rdf:type="http://example.org/T" '),
    ),
    Attack(KIND, "rdf:ID in place of rdf:about", "identifier.about", _in('rdf:about="#', 'rdf:ID="')),
    Attack(KIND, "rdf:nodeID in place of rdf:about", "identifier.about", _in('rdf:about="#', 'rdf:nodeID="')),
    Attack(KIND, "about without its namespace", "identifier.about", _in("rdf:about=", "about=")),
    Attack(
        KIND,
        "absolute rdf:about",
        "identifier.about",
        _in('rdf:about="#', 'rdf:about="http://mp.stratuslab.eu/#'),
    ),
    Attack(
        KIND,
        "rdf:about of another image",
        "identifier.about",
        lambda: entry(lambda text: text[: text.index('"#') + 2] + OTHER + text[text.index('"#') + 29 :]),
    ),
    Attack(KIND, "rdf:about and about", "shape.attribute", _in(_ABOUT, _ABOUT + f'about="#{OTHER}" ')),
    Attack(
        KIND, "rdf:ID on a value", "shape.attribute", _in("<dcterms:title>", '<dcterms:title rdf:ID="x">')
    ),
    Attack(
        KIND,
        "rdf:resource in a value",
        "shape.attribute",
        _in("<dcterms:title>A demo image</dcterms:title>", '<dcterms:title rdf:resource="#x"/>'),
    ),
    Attack(
        KIND,
        "rdf:datatype on a value",
        "shape.attribute",
        _in("<slreq:bytes>", '<slreq:bytes rdf:datatype="http://www.w3.org/2001/XMLSchema#int">'),
    ),
    Attack(
        KIND,
        "rdf:parseType Literal on a value",
        "shape.attribute",
        _in("<dcterms:title>", '<dcterms:title rdf:parseType="Literal">'),
    ),
    Attack(
        KIND,
        "rdf:nodeID on the endorsement",
        "shape.attribute",
        _in("<slreq:endorsement ", '<slreq:endorsement rdf:nodeID="x" '),
    ),
    Attack(
        KIND,
        "rdf:ID on the endorsement",
        "shape.attribute",
        _in("<slreq:endorsement ", '<slreq:endorsement rdf:ID="x" '),
    ),
    Attack(
        KIND,
        "endorsement as a literal",
        "shape.parse-type",
        _in('<slreq:endorsement rdf:parseType="Resource"', '<slreq:endorsement rdf:parseType="Literal"'),
    ),
    Attack(
        KIND,
        "endorsement as a collection",
        "shape.parse-type",
        _in('<slreq:endorsement rdf:parseType="Resource"', '<slreq:endorsement rdf:parseType="Collection"'),
    ),
    Attack(
        KIND,
        "endorsement without parseType",
        "shape.parse-type",
        _in('<slreq:endorsement rdf:parseType="Resource"', "<slreq:endorsement"),
    ),
    Attack(
        KIND,
        "endorsement with both parseTypes",
        "shape.parse-type",
        _in("<slreq:endorsement ", '<slreq:endorsement parseType="Literal" '),
    ),
    Attack(
        KIND,
        "extension with both parseTypes",
        "extension.parse-type",
        _extension(f'<x:a {_X} rdf:parseType="Literal" parseType="Resource"><x:b x:c="d">t</x:b></x:a>'),
    ),
    Attack(
        KIND,
        "extension with both parseTypes, the other way",
        "extension.parse-type",
        _extension(f'<x:a {_X} parseType="Literal" rdf:parseType="Resource"><x:b x:c="d">t</x:b></x:a>'),
    ),
    Attack(
        KIND,
        "nested description",
        "extension.element",
        _extension(f'<x:a {_X}><rdf:Description rdf:about="#{OTHER}"/></x:a>'),
    ),
    Attack(
        KIND,
        "nested description in a resource",
        "extension.element",
        _extension(
            f'<x:a {_X} rdf:parseType="Resource"><x:b><rdf:Description rdf:about="#{OTHER}">'
            "<slterms:deprecated/></rdf:Description></x:b></x:a>"
        ),
    ),
    Attack(
        KIND,
        "description in a literal",
        "extension.element",
        _extension(f'<x:a {_X} rdf:parseType="Literal"><rdf:Description rdf:about="#{OTHER}"/></x:a>'),
    ),
    Attack(
        KIND,
        "rdf:RDF in a literal",
        "extension.element",
        _extension(f'<x:a {_X} rdf:parseType="Literal"><rdf:RDF/></x:a>'),
    ),
    Attack(
        KIND,
        "description in a value",
        "shape.element",
        _in("A demo image", f'<rdf:Description rdf:about="#{OTHER}"/>'),
    ),
    Attack(
        KIND,
        "endorsement in an extension",
        "extension.element",
        _extension(f'<x:a {_X} rdf:parseType="Resource"><slreq:endorsement/></x:a>'),
    ),
    Attack(
        KIND,
        "checksum in a literal",
        "extension.element",
        _extension(f'<x:a {_X} rdf:parseType="Literal"><slreq:checksum/></x:a>'),
    ),
    Attack(KIND, "unknown slreq element", "extension.element", _extension("<slreq:unknown/>")),
    Attack(
        KIND,
        "typed node about another image",
        "extension.attribute",
        _extension(
            f'<x:a {_X}><x:Image rdf:about="#{OTHER}">'
            "<slterms:deprecated>x</slterms:deprecated></x:Image></x:a>"
        ),
    ),
    Attack(
        KIND,
        "typed node with rdf:ID",
        "extension.attribute",
        _extension(f'<x:a {_X}><x:Image rdf:ID="{OTHER}"/></x:a>'),
    ),
    Attack(
        KIND,
        "typed node with rdf:nodeID",
        "extension.attribute",
        _extension(f'<x:a {_X}><x:Image rdf:nodeID="n"/></x:a>'),
    ),
    Attack(
        KIND,
        "rdf:ID on an extension",
        "extension.attribute",
        _extension(f'<x:a {_X} rdf:ID="{OTHER}">t</x:a>'),
    ),
    Attack(
        KIND,
        "rdf:bagID on an extension",
        "extension.attribute",
        _extension(f'<x:a {_X} rdf:bagID="b">t</x:a>'),
    ),
    Attack(
        KIND, "rdf:nodeID on an extension", "extension.attribute", _extension(f'<x:a {_X} rdf:nodeID="n"/>')
    ),
    Attack(
        KIND,
        "property attribute on an extension",
        "extension.attribute",
        _extension(f'<x:a {_X} rdf:resource="http://mp.stratuslab.eu/#{OTHER}" slterms:deprecated="x"/>'),
    ),
    Attack(
        KIND,
        "property attribute without a namespace",
        "extension.attribute",
        _extension(f'<x:a {_X} title="x">t</x:a>'),
    ),
    Attack(
        KIND,
        "rdf:aboutEach on an extension",
        "extension.attribute",
        _extension(f'<x:a {_X} rdf:aboutEach="#x"/>'),
    ),
    Attack(
        KIND,
        "extension as a collection",
        "extension.parse-type",
        _extension(f'<x:a {_X} rdf:parseType="Collection"/>'),
    ),
    Attack(
        KIND,
        "extension of an unknown parseType",
        "extension.parse-type",
        _extension(f'<x:a {_X} rdf:parseType="daml:collection"/>'),
    ),
    Attack(
        KIND,
        "parseType with a space",
        "extension.parse-type",
        _extension(f'<x:a {_X} rdf:parseType="Literal ">t</x:a>'),
    ),
    Attack(
        KIND,
        "rdf:resource beside text",
        "rdf.syntax",
        _extension(f'<x:a {_X} rdf:resource="http://example.org/">t</x:a>'),
    ),
    Attack(
        KIND,
        "rdf:resource that is no IRI",
        "rdf.syntax",
        _extension(f'<x:a {_X} rdf:resource="http://exa mple.org/&lt;"/>'),
    ),
    Attack(
        KIND,
        "rdf:datatype that is no IRI",
        "rdf.syntax",
        _extension(f'<x:a {_X} rdf:datatype="http://a b/">t</x:a>'),
    ),
    Attack(
        KIND,
        "xml:lang that is no language",
        "rdf.syntax",
        _extension(f'<x:a {_X} xml:lang="not a language">t</x:a>'),
    ),
    Attack(
        KIND, "reserved rdf name as a property", "rdf.syntax", _extension("<rdf:aboutEach>t</rdf:aboutEach>")
    ),
    Attack(KIND, "element in no namespace", "rdf.syntax", _extension("<a>t</a>")),
    Attack(
        KIND,
        "another image in what is a literal by one reading",
        "rdf.syntax",
        _extension(
            f'<x:a {_X}><x:T rdf:parseType="Literal"><x:p><x:U rdf:about="#{"A" * 27}"/></x:p></x:T></x:a>'
        ),
    ),
    Attack(
        KIND,
        "rdf:resource with a prefix that RDF/XML leaves out",
        "rdf.syntax",
        _extension(
            f'<x:a {_X} xmlns:xmlr="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlr:resource="#a"/>'
        ),
    ),
    Attack(
        KIND, "property element of the syntax", "rdf.syntax", _extension("<rdf:parseType>t</rdf:parseType>")
    ),
    Attack(
        KIND,
        "second subject in the text of the root",
        "shape.text",
        _in("</rdf:RDF>", "&lt;rdf:Description/&gt;</rdf:RDF>"),
    ),
    Attack(
        KIND,
        "typed node in place of the description",
        "shape.element",
        lambda: entry(lambda text: text.replace("rdf:Description", "slterms:Image")),
    ),
    Attack(
        KIND,
        "description in another rdf namespace",
        "shape.element",
        lambda: entry(
            lambda text: text.replace(
                "<rdf:Description ", '<r:Description xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns" '
            ).replace("</rdf:Desc", "</r:Desc")
        ),
    ),
]
