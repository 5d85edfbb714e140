"""An entry's statements as RDF 1.1 JSON Alternate Serialization (RDF/JSON)."""

from __future__ import annotations

import json
from collections.abc import Iterable

from pyoxigraph import BlankNode, Literal, NamedNode, Triple

_NO_STATEMENTS = "RDF/JSON cannot hold statements about statements"
_STRING = "http://www.w3.org/2001/XMLSchema#string"


def to_rdf_json(triples: Iterable[Triple]) -> bytes:
    """Write triples as subject -> predicate -> objects, in the order they first occur.

    Args:
        triples: of one document; blank nodes are renamed ``_:b0``, ``_:b1`` ... so that the same
            document always gives the same bytes.
    """
    names: dict[BlankNode, str] = {}

    def name(node: BlankNode) -> str:
        return names.setdefault(node, f"_:b{len(names)}")

    graph: dict[str, dict[str, list[dict[str, str]]]] = {}
    for triple in triples:
        subject = name(triple.subject) if isinstance(triple.subject, BlankNode) else _iri(triple.subject)
        objects = graph.setdefault(subject, {}).setdefault(triple.predicate.value, [])
        if isinstance(triple.object, BlankNode):
            objects.append({"type": "bnode", "value": name(triple.object)})
        else:
            objects.append(_object(triple.object))
    return json.dumps(graph, ensure_ascii=False).encode()


def _iri(node: NamedNode | Triple) -> str:
    if isinstance(node, Triple):
        raise ValueError(_NO_STATEMENTS)
    return node.value


def _object(value: NamedNode | Literal | Triple) -> dict[str, str]:
    if isinstance(value, Triple):
        raise ValueError(_NO_STATEMENTS)
    if isinstance(value, NamedNode):
        return {"type": "uri", "value": value.value}
    written = {"type": "literal", "value": value.value}
    if value.language is not None:
        written["lang"] = value.language
    elif value.datatype.value != _STRING:
        written["datatype"] = value.datatype.value
    return written
