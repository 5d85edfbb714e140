"""May this image be started: ``GET /api/v1/verdict`` and ``/api/v1/images/IDENTIFIER/verdict``."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime

from pyramid.request import Request
from pyramid.response import Response

from marketplace.entries import VisibleEntries
from marketplace.http.errors import BadRequestError, NotFoundError
from marketplace.http.responses import etag_of, tagged_response
from marketplace.http.security import principal_of
from marketplace.http.visible_entries import visible_entries
from marketplace.judging.memory import RenderedAnswer as Remembered
from marketplace.judging.service import ImageJudge, next_moment
from marketplace.runtime import Runtime
from marketplace.usage import Use, UseKind
from validators.document import Coordinates, format_time
from validators.identifier import is_identifier
from validators.policy import Asked, ChecksumPattern, Statement, Verdict, Weighed
from validators.times import parse_time

from .answers import site_url, write_json
from .description import JSON, VERDICTS, DescribedAnswer, Operation, Parameter
from .parameters import IDENTIFIER
from .presenters import JsonObject, Urls
from .shapes.base import IDENTIFIER_PATTERN, TIME_PATTERN

_DESCRIPTION = (
    "Trust in an endorser and permission to use an image are two things; this is the second. An image is "
    "allowed where an endorser whom this site trusts says so in a current entry, no such endorser has "
    "withdrawn it, and those endorsers do not contradict each other. What others say is shown (`statements`, "
    "weight `none`) and does not count. `reasons` tells why not, each with a stable code and with what would "
    "change it; `until` is when the clock alone would change the answer; `entry` is the one that decided. "
    "A refusal is an answer, with status 200; 404 means that nobody here has a word about the image."
)
OF_IMAGE = Operation(
    "api.image.verdict",
    "May this image be started?",
    _DESCRIPTION,
    VERDICTS,
    [DescribedAnswer("The verdict.", "ImageVerdict")],
    path=(IDENTIFIER,),
    errors={404: ["image.unknown"]},
)


def _optional(text: str | None) -> str | None:
    return text


CHECKSUM = Parameter(
    "checksum",
    "of the file, `sha512:HEX` (md5, sha1, sha256, sha384, sha512): those who allow it have to name it",
    {"type": "string", "pattern": "^([Mm][Dd]5|[Ss][Hh][Aa]-?(1|256|384|512)):[0-9A-Fa-f]{1,128}$"},
    _optional,
)
ASKED_IDENTIFIER = Parameter(
    "identifier",
    "of the image",
    {"type": "string", "pattern": IDENTIFIER_PATTERN},
    _optional,
)
ENTRY = Parameter(
    "entry",
    "coordinates of an entry, `IDENTIFIER/EMAIL/CREATED`; for a superseded entry the current one decides",
    {"type": "string", "pattern": f"{IDENTIFIER_PATTERN[:-1]}/[^/]+/{TIME_PATTERN[1:]}"},
    _optional,
)
OF_ANYTHING = Operation(
    "api.verdict",
    "May this be started?",
    f"{_DESCRIPTION} Exactly one of the parameters is given.",
    VERDICTS,
    [DescribedAnswer("The verdict.", "ImageVerdict")],
    query=(CHECKSUM, ASKED_IDENTIFIER, ENTRY),
    errors={400: ["query.verdict", "query.checksum", "query.entry"], 404: ["image.unknown"]},
)


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked about, as a key of the memory and as what answers it."""

    key: Hashable
    judge: Callable[[VisibleEntries, datetime], Verdict | None]


@OF_IMAGE.view("entry:read")
def of_image(request: Request) -> Response:
    """Whether the image may be started."""
    return _answer(request, _about_image(request, request.matchdict["identifier"]))


@OF_ANYTHING.view("entry:read")
def of_anything(request: Request) -> Response:
    """Whether what the parameter names may be started."""
    asked = OF_ANYTHING.read(request)
    given = [one for one in (CHECKSUM, ASKED_IDENTIFIER, ENTRY) if asked[one] is not None]
    if len(given) != 1:
        raise BadRequestError("query.verdict", "give exactly one of checksum, identifier and entry")
    text = asked[given[0]] or ""
    about = {CHECKSUM.name: _about_file, ENTRY.name: _about_entry}.get(given[0].name, _about_image)
    return _answer(request, about(request, text))


def _about_image(request: Request, identifier: str) -> _Question:
    judge: ImageJudge = request.registry[Runtime].judge
    return _Question(identifier, lambda visible, now: judge.judge(visible, identifier, now))


def _about_file(request: Request, text: str) -> _Question:
    judge: ImageJudge = request.registry[Runtime].judge
    try:
        checksum = ChecksumPattern(text)
    except ValueError as error:
        raise BadRequestError("query.checksum", f"the checksum {error}") from None
    return _Question(checksum.key, lambda visible, now: judge.judge_checksum(visible, checksum, now))


def _about_entry(request: Request, text: str) -> _Question:
    judge: ImageJudge = request.registry[Runtime].judge
    coordinates = _read_coordinates(text)

    def answer(visible: VisibleEntries, now: datetime) -> Verdict | None:
        if visible.find_preferred(coordinates) is None:
            return None
        return judge.judge(visible, coordinates.identifier, now, asked=coordinates)

    return _Question(coordinates, answer)


def _read_coordinates(text: str) -> Coordinates:
    parts = text.split("/")
    try:
        if len(parts) != 3 or not is_identifier(parts[0]):
            raise ValueError
        return Coordinates(parts[0], parts[1], parse_time(parts[2]))
    except ValueError:
        raise BadRequestError("query.entry", "entry is IDENTIFIER/EMAIL/CREATED") from None


def _answer(request: Request, question: _Question) -> Response:
    runtime: Runtime = request.registry[Runtime]
    memory, now = runtime.judge.answers, runtime.now()
    key = (principal_of(request).logs, question.key)
    found = memory.find(key, now)
    if found is None:
        generation = memory.generation()
        with visible_entries(request) as visible:
            verdict = question.judge(visible, now)
        if verdict is None:
            raise NotFoundError("image.unknown", "nobody here says anything about this image")
        body = write_json(show_verdict(verdict, Urls(site_url(request))))
        found = Remembered(body, etag_of(body), now, next_moment(verdict, now), _use_of(verdict))
        memory.remember(key, found, generation)
    runtime.usage.count(found.use, known=principal_of(request).name is not None)
    return tagged_response(request.environ, found.body, found.etag, JSON)


def _use_of(verdict: Verdict) -> Use | None:
    """What a verdict counts for: the entry that decided, where readers see it."""
    entry = verdict.entry
    return None if entry is None or entry.hidden is not None else Use(UseKind.VERDICT, entry.entry_id)


def show_verdict(verdict: Verdict, urls: Urls) -> JsonObject:
    """A verdict as JSON."""
    return {
        "identifier": verdict.identifier,
        "allowed": verdict.allowed,
        "sentence": verdict.sentence,
        "status": None if verdict.status is None else verdict.status.value,
        "reasons": [
            {"code": str(one.code), "message": one.message, "change": one.change} for one in verdict.reasons
        ],
        "until": None if verdict.until is None else format_time(verdict.until),
        "entry": None
        if verdict.entry is None or verdict.entry.hidden is not None
        else _entry(verdict.entry, urls),
        "asked": None if verdict.asked is None else _asked(verdict.asked, urls),
        "checksums": [{"algorithm": one.algorithm, "value": one.value} for one in verdict.checksums],
        "rules": [one.record() for one in verdict.rules],
        "statements": [_statement(one, urls) for one in verdict.statements if one.statement.hidden is None],
        "links": {"self": urls.verdict(verdict.identifier), "image": urls.image(verdict.identifier)},
    }


def _entry(statement: Statement, urls: Urls) -> JsonObject:
    coordinates = statement.coordinates
    return {
        "id": statement.entry_id,
        "identifier": coordinates.identifier,
        "email": coordinates.email,
        "created": coordinates.created_text,
        "links": {"entry": urls.entry(coordinates), "signed": urls.signed(coordinates)},
    }


def _asked(asked: Asked, urls: Urls) -> JsonObject:
    return {
        "entry": urls.entry(asked.coordinates),
        "superseded_by": None if asked.by is None else urls.entry(asked.by),
    }


def _statement(one: Weighed, urls: Urls) -> JsonObject:
    failure = one.failure
    return {
        **_entry(one.statement, urls),
        "status": one.status.value,
        "weight": one.weight.name.lower(),
        "trusted": one.trusted,
        "code": None if failure is None else str(failure.code),
        "found": (failure or one.rules[0]).found,
        "change": None if failure is None else failure.change,
    }
