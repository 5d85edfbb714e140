"""Tables of variables and rows, and the answers to ASK, in the SPARQL results formats.

Source: SPARQL Query Results XML Format (Second Edition), SPARQL 1.1 Query Results JSON Format, SPARQL 1.1
Query Results CSV and TSV Formats.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from marketplace.http.negotiation import Media
from marketplace.sparql.terms import Blank, Iri, Literal, Term

_NAMESPACE = "http://www.w3.org/2005/sparql-results#"
#: A carriage return would be read back as a newline, white space in attributes as a space.
_TEXT = {"\r": "&#13;"}
#: What cannot stand in a string of SPARQL as it is.
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_ATTRIBUTE = {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}


def to_xml(variables: Sequence[str], rows: Iterable[Mapping[str, Term]]) -> bytes:
    """Write a table as SPARQL results XML; a variable that a row lacks is unbound."""
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n', f'<sparql xmlns="{_NAMESPACE}">\n<head>']
    parts += [f"<variable name={quoteattr(name)}/>" for name in variables]
    parts.append("</head>\n<results>\n")
    for row in rows:
        parts.append("<result>")
        parts += [
            f"<binding name={quoteattr(name)}>{_xml_term(row[name])}</binding>"
            for name in variables
            if name in row
        ]
        parts.append("</result>\n")
    parts.append("</results>\n</sparql>\n")
    return "".join(parts).encode("utf-8")


def to_json(variables: Sequence[str], rows: Iterable[Mapping[str, Term]]) -> bytes:
    """Write a table as SPARQL results JSON; a variable that a row lacks is unbound."""
    bindings = [{name: _json_term(row[name]) for name in variables if name in row} for row in rows]
    document = {"head": {"vars": list(variables)}, "results": {"bindings": bindings}}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def boolean_to_xml(answer: bool) -> bytes:
    """Write the answer to an ASK as SPARQL results XML."""
    document = (
        f'<sparql xmlns="{_NAMESPACE}">\n<head/>\n<boolean>{str(answer).lower()}</boolean>\n</sparql>\n'
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{document}'.encode()


def boolean_to_json(answer: bool) -> bytes:
    """Write the answer to an ASK as SPARQL results JSON."""
    return json.dumps({"head": {}, "boolean": answer}, separators=(",", ":")).encode()


def to_csv(variables: Sequence[str], rows: Iterable[Mapping[str, Term]]) -> bytes:
    """Write the values of a table for spreadsheets; what kind each is gets lost."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\r\n")
    lines.writerow(variables)
    for row in rows:
        lines.writerow([_csv_term(row.get(name)) for name in variables])
    return written.getvalue().encode("utf-8")


def to_tsv(variables: Sequence[str], rows: Iterable[Mapping[str, Term]]) -> bytes:
    """Write a table with each term as SPARQL writes it."""
    lines = ["\t".join(f"?{name}" for name in variables)]
    lines += ["\t".join(_tsv_term(row.get(name)) for name in variables) for row in rows]
    return "".join(f"{line}\n" for line in lines).encode("utf-8")


def _csv_term(term: Term | None) -> str:
    match term:
        case None:
            return ""
        case Blank(value):
            return f"_:{value}"
    return term.value


def _tsv_term(term: Term | None) -> str:
    match term:
        case None:
            return ""
        case Iri(value):
            return f"<{value}>"
        case Blank(value):
            return f"_:{value}"
        case Literal(value, _, str(language)):
            return f"{_quoted(value)}@{language}"
        case Literal(value, str(datatype), _):
            return f"{_quoted(value)}^^<{datatype}>"
    return _quoted(term.value)


def _quoted(value: str) -> str:
    return '"' + value.translate(_ESCAPED) + '"'


def _xml_term(term: Term) -> str:
    match term:
        case Iri(value):
            return f"<uri>{_text(value)}</uri>"
        case Blank(value):
            return f"<bnode>{_text(value)}</bnode>"
        case Literal(value, _, str(language)):
            return f"<literal xml:lang={quoteattr(language)}>{_text(value)}</literal>"
        case Literal(value, str(datatype), _):
            return f"<literal datatype={quoteattr(datatype, _ATTRIBUTE)}>{_text(value)}</literal>"
        case Literal(value):
            return f"<literal>{_text(value)}</literal>"


def _json_term(term: Term) -> dict[str, str]:
    match term:
        case Iri(value):
            return {"type": "uri", "value": value}
        case Blank(value):
            return {"type": "bnode", "value": value}
        case Literal(value, _, str(language)):
            return {"type": "literal", "value": value, "xml:lang": language}
        case Literal(value, str(datatype), _):
            return {"type": "literal", "value": value, "datatype": datatype}
        case Literal(value):
            return {"type": "literal", "value": value}


def _text(value: str) -> str:
    """A text as XML content. A query can compute characters that no XML holds: they become U+FFFD."""
    return escape("".join(c if _is_xml(c) else "\ufffd" for c in value) if _suspect(value) else value, _TEXT)


def _suspect(value: str) -> bool:
    return not value.isprintable()


def _is_xml(c: str) -> bool:
    return c in "\t\n\r" or "\x20" <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c >= "\U00010000"


#: What writes a table in each form for programs.
TABLES: Final[Mapping[Media, Callable[[Sequence[str], Iterable[Mapping[str, Term]]], bytes]]] = {
    Media.XML: to_xml,
    Media.JSON: to_json,
    Media.CSV: to_csv,
    Media.TSV: to_tsv,
}
