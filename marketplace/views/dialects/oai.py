"""``oai-pmh``: a view for harvesters that speak OAI-PMH 2.0.

``responseDate`` is when the view changed last, not the clock: who harvests from it the next time misses
nothing that was being written meanwhile, and the same view answers with the same bytes.

Source: the Open Archives Initiative Protocol for Metadata Harvesting, version 2.0.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from marketplace.views.dialects import oai_records as items
from marketplace.views.dialects.dialect import Dialect, Document
from marketplace.views.dialects.texts import xml_text
from marketplace.views.dialects.tokens import read_token, write_token
from marketplace.views.value import Record, View, ViewImage
from validators.document import format_time
from validators.times import parse_time

#: Records of one answer.
PAGE: Final = 100
_PATH: Final = "oai-pmh"
_BEGIN: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation='
    '"http://www.openarchives.org/OAI/2.0/ http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd">'
)
_DAY, _SECOND = len("2026-01-02"), len("2026-01-02T03:04:05Z")
_PARTS: Final = ("verb", "prefix", "from", "until", "set", "moment", "entry id", "how many")
_SELECTIVE: Final = frozenset({"metadataPrefix", "from", "until", "set", "resumptionToken"})


class _RefusedError(Exception):
    """An error of the protocol.

    Args:
        code: as the protocol names it.
    """

    def __init__(self, code: str, reason: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a list request asks for, and how far earlier answers to it came.

    Args:
        after: time and entry id of the last record that was told; empty at the beginning.
        told: how many were told.
    """

    prefix: str
    begin: str
    end: str
    set: str
    after: tuple[str, str] = ("", "")
    told: int = 0


def documents(view: View) -> Iterable[Document]:
    """The one address, which answers by what it is asked."""
    return (Document(_PATH, "text/xml; charset=utf-8"),)


def find_lack(image: ViewImage) -> str | None:
    """Every image has a record: harvesters read what is said, and download nothing."""
    return None


def write(view: View, path: str) -> bytes:
    """What is answered to who asks nothing."""
    return answer(view, ())


def answer(view: View, pairs: Sequence[tuple[str, str]]) -> bytes:
    """The answer to a request.

    Args:
        pairs: its arguments, repeated ones included.
    """
    arguments = dict(pairs)
    told = "".join(f' {name}="{xml_text(value)}"' for name, value in arguments.items())
    try:
        body = _dispatch(view, arguments, len(arguments) != len(pairs))
    except _RefusedError as error:
        body = f'<error code="{error.code}">{xml_text(error.reason)}</error>'
        if error.code in ("badVerb", "badArgument"):
            told = ""
    date = f"<responseDate>{format_time(view.updated)}</responseDate>"
    request = f"<request{told}>{xml_text(f'{view.base}/{_PATH}')}</request>"
    return f"{_BEGIN}{date}{request}{body}</OAI-PMH>\n".encode()


def _dispatch(view: View, arguments: Mapping[str, str], repeated: bool) -> str:
    verb = arguments.get("verb", "")
    if verb not in _VERBS:
        raise _RefusedError("badVerb", f"verb must be one of {', '.join(_VERBS)}")
    given = {name: value for name, value in arguments.items() if name != "verb"}
    allowed, needed, act = _VERBS[verb]
    unknown = sorted(given.keys() - allowed)
    if unknown or repeated:
        which = ", ".join(one[:50] for one in unknown) or "an argument that is given twice"
        raise _RefusedError("badArgument", f"{verb} does not take {which}")
    if "resumptionToken" in given and len(given) > 1:
        raise _RefusedError("badArgument", "resumptionToken must be the only argument beside the verb")
    missing = sorted(needed - given.keys()) if "resumptionToken" not in given else []
    if missing:
        raise _RefusedError("badArgument", f"{verb} needs {', '.join(missing)}")
    return f"<{verb}>{act(view, given)}</{verb}>"


def _identify(view: View, given: Mapping[str, str]) -> str:
    first = view.records[0].since if view.records else view.updated
    return (
        f"<repositoryName>{xml_text(f'{view.title} ({view.site_title})')}</repositoryName>"
        f"<baseURL>{xml_text(f'{view.base}/{_PATH}')}</baseURL><protocolVersion>2.0</protocolVersion>"
        f"<adminEmail>{xml_text(view.contact)}</adminEmail>"
        f"<earliestDatestamp>{format_time(first)}</earliestDatestamp>"
        # A policy and a search do not remember what they let through once.
        f"<deletedRecord>{'persistent' if view.keeps_all else 'transient'}</deletedRecord>"
        "<granularity>YYYY-MM-DDThh:mm:ssZ</granularity>"
    )


def _list_formats(view: View, given: Mapping[str, str]) -> str:
    if "identifier" in given and _record(view, given).image is None:
        raise _RefusedError("noMetadataFormats", "the record is deleted")
    return "".join(
        f"<metadataFormat><metadataPrefix>{one.prefix}</metadataPrefix><schema>{one.schema}</schema>"
        f"<metadataNamespace>{one.namespace}</metadataNamespace></metadataFormat>"
        for one in items.FORMATS
    )


def _list_sets(view: View, given: Mapping[str, str]) -> str:
    if "resumptionToken" in given:
        raise _RefusedError("badResumptionToken", "the list of sets has one page")
    return "".join(
        f"<set><setSpec>{spec}</setSpec><setName>{xml_text(name)}</setName></set>"
        for spec, name in items.list_sets(view.records).items()
    )


def _get_record(view: View, given: Mapping[str, str]) -> str:
    record = _record(view, given)
    prefix = _prefix(given["metadataPrefix"])
    return _written(view, [record], prefix)


def _list_identifiers(view: View, given: Mapping[str, str]) -> str:
    _, page, token = _page(view, "ListIdentifiers", given)
    return "".join(_header(view, one) for one in page) + token


def _list_records(view: View, given: Mapping[str, str]) -> str:
    asked, page, token = _page(view, "ListRecords", given)
    return _written(view, page, asked.prefix) + token


def _page(view: View, verb: str, given: Mapping[str, str]) -> tuple[_Asked, Sequence[Record], str]:
    """What is asked for, the records of the next page, and the element that leads on."""
    asked = _resumed(view, verb, given["resumptionToken"]) if "resumptionToken" in given else _read(given)
    begin = bisect_left(view.records, asked.begin, key=_moment)
    end = bisect_right(view.records, asked.end, key=_moment) if asked.end else len(view.records)
    chosen = view.records[begin:end]
    if asked.set:
        within = f"{asked.set}:"
        chosen = tuple(
            one
            for one in chosen
            if any(spec == asked.set or spec.startswith(within) for spec in items.sets_of(one))
        )
    start = bisect_right(chosen, asked.after, key=_resume_at)
    page = chosen[start : start + PAGE]
    if not page and not asked.told:
        raise _RefusedError("noRecordsMatch", "there are no such records")
    more = start + PAGE < len(chosen)
    if not more and not asked.told:
        return asked, page, ""
    on = ""
    if more:
        last = replace(asked, after=_resume_at(page[-1]), told=asked.told + len(page))
        on = write_token(
            view.token_key,
            (verb, last.prefix, last.begin, last.end, last.set, *last.after, str(last.told)),
        )
    sizes = f'completeListSize="{max(len(chosen), asked.told + len(page))}" cursor="{asked.told}"'
    return asked, page, f"<resumptionToken {sizes}>{on}</resumptionToken>"


def _resumed(view: View, verb: str, token: str) -> _Asked:
    parts = read_token(view.token_key, token)
    if parts is None or len(parts) != len(_PARTS) or parts[0] != verb or not parts[-1].isdecimal():
        raise _RefusedError(
            "badResumptionToken",
            "this view did not issue this token for this verb: start again without a token",
        )
    _, prefix, begin, end, set_, moment, entry_id, told = parts
    return _Asked(prefix, begin, end, set_, (moment, entry_id), int(told))


def _read(given: Mapping[str, str]) -> _Asked:
    begin, end = given.get("from", ""), given.get("until", "")
    if begin and end and len(begin) != len(end):
        raise _RefusedError("badArgument", "from and until must have the same granularity")
    first = format_time(_time("from", begin)) if begin else ""
    last = ""
    if end:
        moment = _time("until", end)
        # A day is meant with all its seconds.
        last = format_time(moment + timedelta(days=1, seconds=-1) if len(end) == _DAY else moment)
    if first and last and first > last:
        raise _RefusedError("badArgument", "from is later than until")
    return _Asked(_prefix(given["metadataPrefix"]), first, last, given.get("set", ""))


def _time(name: str, text: str) -> datetime:
    whole = f"{text}T00:00:00Z" if len(text) == _DAY else text
    try:
        if len(whole) != _SECOND:
            raise ValueError
        moment = parse_time(whole)
        if format_time(moment) != whole:
            raise ValueError
    except (ValueError, OverflowError):
        raise _RefusedError("badArgument", f"{name} is YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ") from None
    return moment


def _prefix(text: str) -> str:
    if text not in (one.prefix for one in items.FORMATS):
        known = ", ".join(one.prefix for one in items.FORMATS)
        raise _RefusedError("cannotDisseminateFormat", f"metadataPrefix must be one of {known}")
    return text


def _record(view: View, given: Mapping[str, str]) -> Record:
    record = items.find_record(view, given["identifier"])
    if record is None:
        raise _RefusedError("idDoesNotExist", "there is no record of this identifier in this view")
    return record


def _moment(record: Record) -> str:
    return format_time(record.since)


def _resume_at(record: Record) -> tuple[str, str]:
    return _moment(record), record.entry_id


def _header(view: View, record: Record, gone: bool = False) -> str:
    deleted = ' status="deleted"' if gone or record.image is None else ""
    sets = "".join(f"<setSpec>{spec}</setSpec>" for spec in items.sets_of(record))
    return (
        f"<header{deleted}><identifier>{xml_text(items.identifier_of(view, record))}</identifier>"
        f"<datestamp>{_moment(record)}</datestamp>{sets}</header>"
    )


def _written(view: View, page: Sequence[Record], prefix: str) -> str:
    wanted = [one.entry_id for one in page if one.image is not None]
    entries = view.read_entries(wanted) if prefix == items.SIGNED and wanted else {}
    told = []
    for one in page:
        found = None if one.image is None else items.metadata_of(view, one.image, prefix, entries)
        metadata = "" if found is None else f"<metadata>{found}</metadata>"
        told.append(f"<record>{_header(view, one, gone=found is None)}{metadata}</record>")
    return "".join(told)


_Act = Callable[[View, Mapping[str, str]], str]
_VERBS: Final[Mapping[str, tuple[frozenset[str], frozenset[str], _Act]]] = {
    "Identify": (frozenset(), frozenset(), _identify),
    "ListMetadataFormats": (frozenset({"identifier"}), frozenset(), _list_formats),
    "ListSets": (frozenset({"resumptionToken"}), frozenset(), _list_sets),
    "ListIdentifiers": (_SELECTIVE, frozenset({"metadataPrefix"}), _list_identifiers),
    "ListRecords": (_SELECTIVE, frozenset({"metadataPrefix"}), _list_records),
    "GetRecord": (
        frozenset({"identifier", "metadataPrefix"}),
        frozenset({"identifier", "metadataPrefix"}),
        _get_record,
    ),
}

OAI = Dialect("oai-pmh", documents, write, find_lack, answer=answer)
