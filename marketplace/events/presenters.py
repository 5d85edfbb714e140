"""An event in plain words, and as the JSON object that the API and webhooks share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from marketplace.events.event_list import Happened, Subject
from marketplace.events.kinds import Kind
from validators.document import Coordinates, format_time

#: Characters of a text and number of tags; the entry itself has all of them.
MOST_CHARACTERS: Final = 2000
MOST_TAGS: Final = 20
_MOST_NAME: Final = 100

#: The standings of certificates, in words for people.
_STANDINGS: Final[Mapping[str, str]] = {
    "chained": "trusted",
    "self-signed": "not certified by anybody",
    "untrusted-issuer": "certified by somebody who is not trusted here",
    "revoked": "revoked",
    "revocation-unknown": "not trusted, because nobody knows whether it is revoked",
}


def name_of(subject: Subject) -> str:
    """What people call the image of an entry: its title, else its system, else its identifier."""
    system = " ".join(one for one in (subject.os, subject.os_version, subject.os_arch) if one)
    return _cut(" ".join((subject.title or system or subject.coordinates.identifier).split()), _MOST_NAME)


def sentence(happened: Happened) -> str:
    """An event in one sentence of plain words."""
    subject, details = happened.subject, happened.details
    if subject is None:
        return _about_no_entry(happened)
    name, email = name_of(subject), subject.coordinates.email
    match happened.kind:
        case Kind.ACCEPTED:
            told = f"{email} endorsed {name}."
        case Kind.DEPRECATED:
            reason = _cut(" ".join((subject.deprecated or "").split()), 300) or "no reason is given"
            told = f"{email} withdrew {name}: {reason}"
        case Kind.EXPIRING:
            days = details.get("days")
            told = f"The entry of {email} about {name} expires in {days} day{'' if days == 1 else 's'}."
        case Kind.EXPIRED:
            told = f"The entry of {email} about {name} has expired."
        case Kind.TRUST:
            before, after = (_standing(details.get(one)) for one in ("before", "after"))
            told = f"The certificate of {email} was {before} and is {after} now."
        case Kind.CONFLICT:
            told = f"Entries of {email} about {name} have the same time and say different things."
        case Kind.MISMATCH:
            told = f"A cloud site found other bytes than {email} endorsed for {name}."
        case Kind.UNREACHABLE:
            told = f"A cloud site could not download {name} of {email}."
        case Kind.RECALL:
            told = f"{_having(details)} {name}, which {email} withdrew."
        case _:
            told = f"{happened.kind}: {name} of {email}."
    return told


def to_json(happened: Happened, site: str) -> dict[str, Any]:
    """An event as programs read it.

    Args:
        site: base of the links.
    """
    subject = happened.subject
    return {
        "id": happened.event_id,
        "type": happened.kind.value,
        "timestamp": format_time(happened.at),
        "data": {
            "log": happened.log,
            "sentence": sentence(happened),
            "entry_id": happened.entry_id,
            "entry": None if subject is None else _entry(subject, site),
            "details": dict(happened.details),
        },
    }


def entry_url(site: str, coordinates: Coordinates) -> str:
    """The page, or signed document, of an entry."""
    return f"{site}/metadata/{quote(coordinates.path(), safe='/@:+~')}"


def _entry(subject: Subject, site: str) -> dict[str, Any]:
    place = subject.coordinates
    return {
        "id": subject.entry_id,
        "identifier": place.identifier,
        "email": place.email,
        "created": place.created_text,
        "title": _cut_or_none(subject.title),
        "os": _cut_or_none(subject.os),
        "os_version": _cut_or_none(subject.os_version),
        "os_arch": _cut_or_none(subject.os_arch),
        "version": _cut_or_none(subject.version),
        "valid": None if subject.valid is None else format_time(subject.valid),
        "deprecated": _cut_or_none(subject.deprecated),
        "tags": [_cut(one, MOST_CHARACTERS) for one in subject.tags[:MOST_TAGS]],
        "current": subject.current,
        "links": {
            "self": f"{site}/api/v1/entries/{quote(place.path(), safe='/@:+~')}",
            "signed": entry_url(site, place),
            "verdict": f"{site}/api/v1/images/{place.identifier}/verdict",
        },
    }


def _about_no_entry(happened: Happened) -> str:
    details = happened.details
    if happened.kind is Kind.ERASED:
        return "What an entry said was erased."
    if happened.kind is Kind.QUARANTINED:
        return f"The log {details.get('origin')} contradicts itself and is not read any more."
    return f"{happened.kind}."


def _standing(word: Any) -> str:
    return "unknown" if word is None else _STANDINGS.get(str(word), str(word))


def _having(details: Mapping[str, Any]) -> str:
    count, still = details.get("sites"), "" if details.get("reminder") is False else "still "
    return f"1 cloud site {still}has" if count == 1 else f"{count} cloud sites {still}have"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _cut_or_none(text: str | None) -> str | None:
    return None if text is None else _cut(text, MOST_CHARACTERS)
