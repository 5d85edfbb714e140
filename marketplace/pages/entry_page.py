"""The page of one entry: what it says, how it was proved, and what to do with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marketplace.access import PUBLIC
from marketplace.entries import EntryRecord, EntryRow, current_among
from marketplace.http.coordinates import entry_path
from marketplace.locations.links import link
from marketplace.presence import LocationReport
from marketplace.watch import Reachability
from validators import vocabulary as v
from validators.decision import Decision, Rule
from validators.document import AcceptedEntry, format_time
from validators.identifier import is_identifier
from validators.report import StepResult
from validators.status import Status
from validators.trust import judge

from .badges import Badge, strength_badge
from .changed_terms import ChangedStatement
from .commands import commands
from .display import day
from .image_commands import image_commands
from .presence import EntryPresence
from .schema_org import data_block
from .terms import facts, statements
from .timeline import lay_out
from .trust_badges import VerdictBanner, standing_badges

#: Locations that a page lists.
MOST_LOCATIONS = 50


@dataclass(frozen=True, slots=True)
class Location:
    """Where the content is; ``href`` where a browser may follow it."""

    text: str
    href: str | None
    reached: Reachability | None = None
    reports: Sequence[LocationReport] = ()


def entry_values(
    entry: AcceptedEntry,
    steps: Sequence[StepResult],
    record: EntryRecord,
    timeline: Sequence[EntryRow],
    site_url: str,
    now: datetime,
    decision: Decision | None,
    flags: Sequence[Badge],
    reached: Mapping[str, Reachability],
    verdict: VerdictBanner | None,
    presence: EntryPresence,
    rules: Sequence[Rule],
    history: Sequence[ChangedStatement],
    receipt: str | None,
) -> dict[str, Any]:
    """Everything the template shows.

    Args:
        steps: of acceptance.
        timeline: every entry about the same image.
        site_url: public base URL of the marketplace.
        decision: whether the site stands by the entry; None where it has no anchors.
        flags: what about the endorser asks for a second look.
        reached: what is known of locations.
        verdict: whether the image may be used; None where the site judges none.
        rules: of that verdict.
        history: the publisher's statements about the image, the newest first.
        receipt: path of the proof that the entry is in the public log; None where no log is published.
    """
    path = entry_path(entry.coordinates)
    return {
        "entry": entry.metadata,
        "accepted": entry,
        "record": record,
        "identifier": entry.identifier,
        "email": entry.endorser.email,
        "path": path,
        "created": format_time(entry.created),
        "badges": badges(record, now)[1:] + _site_badges(decision) + [*flags],
        "signature_badges": trust_badges(entry, decision),
        "use": image_commands(entry),
        "rules": rules,
        "history": history,
        "receipt": receipt,
        "endorsers": _other_endorsers(entry, timeline),
        "replacement": _replacement(entry),
        "structured": data_block(entry, site_url) if is_offered(record, verdict, now) else None,
        "decision": decision,
        "verdict": verdict,
        "status": status_name(record, now),
        "current": None if record.is_current or record.current is None else entry_path(record.current),
        "withdrawn": None if record.is_current else record.withdrawn,
        "rivals": [
            {
                "path": entry_path(rival.coordinates),
                "created": rival.coordinates.created,
                "trusted": rival.trusted,
            }
            for rival in record.rivals
        ],
        "facts": facts(entry),
        "extensions": statements(entry.metadata.extensions),
        "locations": [
            Location(
                uri, link(uri), reached.get(uri), [one for one in presence.reports if one.location == uri]
            )
            for uri in entry.metadata.locations[:MOST_LOCATIONS]
        ],
        "locations_left_out": max(0, len(entry.metadata.locations) - MOST_LOCATIONS),
        "sites": presence.sites,
        "steps": steps,
        "trust": judge(entry),
        "commands": commands(entry, site_url, path),
        "picture": lay_out(timeline, now),
        "others": len(timeline) - 1,
    }


def is_offered(record: EntryRecord, verdict: VerdictBanner | None, now: datetime) -> bool:
    """Whether search engines are told of it: it is public, current, and nothing here speaks against it."""
    refused = verdict is not None and verdict.tone == "bad"
    return PUBLIC in record.logs and status_name(record, now) == Status.VALID.value and not refused


def _other_endorsers(entry: AcceptedEntry, timeline: Sequence[EntryRow]) -> list[EntryRow]:
    """The current statements of others about the image, one for each address."""
    current = current_among(timeline)
    found = {row.email: row for row in timeline if row.key in current and row.email != entry.endorser.email}
    return list(found.values())[:MOST_LOCATIONS]


def _replacement(entry: AcceptedEntry) -> str | None:
    """The image that the publisher names in the place of this one."""
    named = (one.text.strip() for one in entry.metadata.terms if one.name == v.dcterms("isReplacedBy"))
    return next((text for text in named if is_identifier(text)), None)


def status_name(record: EntryRecord, now: datetime) -> str:
    """The status of a current entry; ``superseded`` for any other."""
    return record.row.status(now).value if record.is_current else "superseded"


_STATUS_TONES = {"valid": "plain", "deprecated": "bad", "expired": "warn", "superseded": "plain"}
_STATUS_TITLES = {
    "valid": "The endorser recommends this image.",
    "deprecated": "The endorser has withdrawn this image.",
    "expired": "The date of expiry has passed.",
    "superseded": "The endorser has published a newer statement about this image.",
}


def status_badge(status: str) -> Badge:
    """The badge of a status."""
    return Badge(status, _STATUS_TONES[status], _STATUS_TITLES[status])


def badges(record: EntryRecord, now: datetime) -> list[Badge]:
    """What lists would say of an entry."""
    found = [status_badge(status_name(record, now))]
    if record.conflicts:
        title = "Another entry with the same coordinates has different content."
        found.append(Badge("conflicting", "bad", title))
    if record.rivals:
        title = "Two certificates use this address for this image."
        found.append(Badge("two certificates", "bad", title))
    return found


def _site_badges(decision: Decision | None) -> list[Badge]:
    return [] if decision is None else standing_badges(decision.certificate)


def trust_badges(entry: AcceptedEntry, decision: Decision | None = None) -> list[Badge]:
    """How far the signature carries.

    Args:
        decision: of the site, where it has one: it says already by whom the certificate is issued.
    """
    trust = judge(entry)
    found = [strength_badge(trust.strength)]
    if trust.self_signed and decision is None:
        title = "Self-signed: no authority confirms who this is."
        found.append(Badge("self-signed certificate", "plain", title))
    if trust.email_bound:
        # Anybody can write any address into a certificate of his own making.
        if not trust.self_signed:
            title = "The issuer of the certificate confirmed the endorser's address."
            tone = "good" if decision is not None and decision.trusted else "plain"
            found.append(Badge("E-mail confirmed by certificate", tone, title))
    else:
        title = "The certificate does not contain the endorser's address."
        found.append(Badge("e-mail not confirmed", "warn", title))
    if not trust.in_date_at_created:
        title = "The certificate was not valid when the entry was signed."
        found.append(Badge("certificate out of date", "warn", title))
    return found


def confirmed_badges(confirmed: bool) -> list[Badge]:
    """Whether the reader of the address's mail vouched for the certificate."""
    title = "The owner of this address confirmed the certificate to this site by mail."
    return [Badge("e-mail confirmed", "good", title)] if confirmed else []


def until(row: EntryRow) -> str:
    """How long an entry is valid; one that withdraws its image is not, whatever else it says."""
    if row.deprecated is not None:
        return "withdrawn"
    return "no expiry date" if row.valid is None else f"until {day(row.valid)}"
