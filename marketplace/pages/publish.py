"""A form that makes a draft from an image file: the browser reads the file, the server writes the draft.

Neither the image nor a key ever comes here: the page gives the draft and the
commands that sign and upload it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.http.coordinates import UnknownCoordinatesError, read_coordinates
from marketplace.http.parameters import read_body_form, read_query
from marketplace.http.rate_limits import Turn, take_turn
from marketplace.http.responses import passing_response
from marketplace.http.visible_entries import visible_entries
from marketplace.publishing.facts import FactsError, ImageFacts, read_facts
from marketplace.publishing.statement import Wish, draft
from marketplace.publishing.terms import COMMON, CommonTerm, TermError, parse_end
from marketplace.runtime import Runtime
from validators import vocabulary as v
from validators.document import AcceptedEntry, Coordinates, Metadata
from validators.errors import RefusedError
from validators.identifier import is_identifier
from validators.lint import Level, LintFinding, lint
from validators.pipeline import accept
from validators.signing_errors import DraftError

from .rendering import page

#: Field of the form -> algorithm as the format writes it.
DIGESTS: Mapping[str, str] = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha512": "SHA-512"}
#: Terms that the form asks for at once; the others are folded away.
_FIRST = (
    "location", "title", "description", "tag", "version", "os", "os-version", "arch", "format",
    "compression", "valid", "licence", "login-user", "first-boot",
)  # fmt: skip
_LIKE = "like"
_SIZE = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form.

    Args:
        term: what it is about.
        value: what stands in it; several values are a line each.
    """

    term: CommonTerm
    value: str


@dataclass(frozen=True, slots=True)
class Drafted:
    """What came of a filled-in form.

    Args:
        identifier: of the image; empty where it is not known.
        document: the draft; empty where there is none.
        findings: errors, then advice.
    """

    identifier: str = ""
    document: bytes = b""
    findings: tuple[LintFinding, ...] = ()

    @property
    def errors(self) -> Sequence[LintFinding]:
        """What keeps the draft out of every marketplace."""
        return [one for one in self.findings if one.level is Level.ERROR]

    @property
    def advice(self) -> Sequence[LintFinding]:
        """What cloud sites will refuse or miss."""
        return [one for one in self.findings if one.level is Level.ADVICE]


@view_config(route_name="web.publish", request_method="GET", permission="entry:upload")
def publish_form(request: Request) -> Response:
    """The form, empty or filled in with what an earlier entry says."""
    name = read_query(request).get(_LIKE, "").strip()
    earlier = _find_earlier(request, name) if name else None
    said = {} if earlier is None else _fields_of(earlier.metadata)
    told = f"There is no entry {name} here." if name and earlier is None else ""
    return _form_page(request, said | {_LIKE: name if earlier else ""}, None, told)


@view_config(route_name="web.publish", request_method="POST", permission="entry:verify")
def publish(request: Request) -> Response:
    """The draft of a filled-in form: looked at, or as a file. Nothing is stored."""
    take_turn(request, Turn.QUERY)
    form = read_body_form(request)
    name = form.get(_LIKE, "").strip()
    earlier = _find_earlier(request, name) if name else None
    if name and earlier is None:
        return _form_page(request, {**form, _LIKE: ""}, None, f"There is no entry {name} here.")
    drafted = make_draft(form, earlier, request.registry[Runtime].now())
    if form.get("do") == "download" and drafted.document and not drafted.errors:
        response = passing_response(drafted.document, "application/rdf+xml", 200)
        response.headers["Content-Disposition"] = f'attachment; filename="{drafted.identifier}.xml"'
        return response
    response = _form_page(request, form, drafted, "")
    response.headers["Cache-Control"] = "no-store"
    return response


def make_draft(form: Mapping[str, str], earlier: AcceptedEntry | None, now: datetime) -> Drafted:
    """Write and look at the draft that a form asks for.

    Args:
        form: fields by name: the short names of terms, ``bytes``, ``DIGESTS``.
        earlier: the entry that everything else is taken from, if any.
        now: aware.
    """
    facts = None
    terms, unread = _terms(form, earlier, now)
    wrong = [_refusal(error) for error in unread]
    try:
        facts = _facts(form)
    except FactsError as error:
        wrong.insert(0, _refusal(error))
    if facts is None or wrong:
        return Drafted(findings=tuple(wrong))
    try:
        document = draft(facts, Wish(terms, earlier))
    except (DraftError, RefusedError) as error:
        return Drafted(findings=(_refusal(error),))
    previous = None if earlier is None else earlier.metadata
    if previous is not None and not set(previous.tags) & set(terms.get(v.ALTERNATIVE, ())):
        previous = None  # the draft takes no tag over: nothing stands behind it
    return Drafted(facts.identifier, document, lint(document, now, None, previous).findings)


def _refusal(error: Exception) -> LintFinding:
    return LintFinding("form.value", Level.ERROR, "", str(error))


def _facts(form: Mapping[str, str]) -> ImageFacts:
    size = form.get("bytes", "").strip()
    sums = {name: form.get(field, "").strip() for field, name in DIGESTS.items()}
    sums = {name: value for name, value in sums.items() if value}
    if not size or "SHA-1" not in sums:
        raise FactsError("Choose the image file, or fill in its size and at least its SHA-1.")
    if not _SIZE.fullmatch(size):
        raise FactsError("The size is not a number of bytes.")
    try:
        return read_facts({"bytes": int(size), "checksums": sums})
    except FactsError as error:
        raise FactsError(f"The image: {error}.") from None


def _terms(
    form: Mapping[str, str], earlier: AcceptedEntry | None, now: datetime
) -> tuple[dict[str, list[str]], list[TermError]]:
    """The terms of the form by Clark name, and what is wrong with its fields, each by its label."""
    said = {} if earlier is None else _fields_of(earlier.metadata)
    terms: dict[str, list[str]] = {}
    wrong = []
    for term in COMMON:
        lines = form.get(term.name, "").splitlines() if term.many else [form.get(term.name, "")]
        values = [line.strip() for line in lines if line.strip()]
        if term.element == v.VALID:
            try:
                values = [parse_end(value, now) for value in values]
            except TermError as error:
                wrong.append(TermError(f"{term.label}: {error}"))
        # An emptied field takes out what the earlier entry says; one that nobody filled in says nothing.
        if values or (term.name in form and term.name in said):
            terms[term.element] = values
    return terms, wrong


def _fields_of(metadata: Metadata) -> dict[str, str]:
    """What an entry says, as the fields of the form hold it; what is true of one image only is left out."""
    fields = {}
    for term in COMMON:
        values = [one.text.strip() for one in metadata.terms if one.name == term.element]
        values += [one.text.strip() for one in metadata.extensions if one.name == term.element]
        if values and term.name not in ("location", "replaces", "valid"):
            fields[term.name] = "\n".join(values if term.many else values[:1])
    return fields


def _find_earlier(request: Request, name: str) -> AcceptedEntry | None:
    """The visible entry that ``ID/EMAIL[/CREATED]``, a URL or ``EMAIL/TAG`` names."""
    parts = tuple(name.rpartition("/metadata/")[2].strip("/").split("/"))
    with visible_entries(request) as visible:
        coordinates = _complete(parts)
        if coordinates is None and "@" in parts[0] and len(parts) > 1:
            tagged = visible.tagged(parts[0], "/".join(parts[1:]))
            coordinates = None if tagged is None else tagged.coordinates
        elif coordinates is None and len(parts) == 2 and is_identifier(parts[0]):
            rows = visible.current_of(parts[:1])
            coordinates = next((row.coordinates for row in rows if row.coordinates.email == parts[1]), None)
        body = None if coordinates is None else visible.find_body(coordinates)
    return None if body is None else accept(body.data)


def _complete(parts: tuple[str, ...]) -> Coordinates | None:
    try:
        named = read_coordinates(parts)
    except UnknownCoordinatesError:
        return None
    if named.identifier is None or named.email is None or named.created is None:
        return None
    return Coordinates(named.identifier, named.email, named.created)


def _form_page(
    request: Request, filled: Mapping[str, str], drafted: Drafted | None, message: str
) -> Response:
    fields = [Field(term, filled.get(term.name, "")) for term in COMMON]
    values = {
        "first": [one for one in fields if one.term.name in _FIRST],
        "more": [one for one in fields if one.term.name not in _FIRST],
        "digests": [(field, name, filled.get(field, "")) for field, name in DIGESTS.items()],
        "size": filled.get("bytes", ""),
        "like": filled.get(_LIKE, ""),
        "drafted": drafted,
        "told": message,
    }
    return page(request, "publish", values)
