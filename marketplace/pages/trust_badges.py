"""How the site stands to an entry, as badges with an explanation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from pyramid.request import Request

from marketplace.access import PUBLIC
from marketplace.entries import EntryRow
from marketplace.facets import TrustMark
from marketplace.http.security import principal_of
from marketplace.http.visible_entries import visible_entries
from marketplace.rules.trust import StoredVerdict
from marketplace.runtime import Runtime
from validators.document import Strength, format_time
from validators.policy import Code, Status, Verdict, Weight
from validators.status import status_of
from validators.verdict import CertificateVerdict, Standing

from .badges import Badge, strength_badge
from .display import cut, day, sentence

#: Characters of a name inside an explanation, and of a whole one.
_NAME, _SENTENCE = 120, 400


class Dated(Protocol):
    """An entry as far as its badge depends on it."""

    @property
    def entry_id(self) -> str: ...
    @property
    def valid(self) -> datetime | None: ...
    @property
    def deprecated(self) -> str | None: ...


class Judging(Enum):
    """Whether a site judges at all: without anchors, nobody is trusted and nobody is to blame."""

    BY_ANCHORS = "by anchors"
    NOT_AT_ALL = "not at all"


#: What people read for the values of the trust filter.
MARKS: Mapping[TrustMark, str] = {
    TrustMark.TRUSTED: "trusted by this site",
    TrustMark.CHAINED: "trusted issuer",
    TrustMark.LISTED: "on the allow-list",
    TrustMark.CONFIRMED: "e-mail confirmed",
    TrustMark.SELF_SIGNED: "self-signed",
    TrustMark.UNTRUSTED_ISSUER: "issuer not trusted here",
    TrustMark.REVOKED: "revoked",
    TrustMark.REVOCATION_UNKNOWN: "revocation unknown",
    TrustMark.UNJUDGED: "not judged yet",
}


def judging(request: Request) -> Judging:
    """Whether the site of a request judges endorsers."""
    runtime: Runtime = request.registry[Runtime]
    return Judging.BY_ANCHORS if runtime.trust_store.material.anchors else Judging.NOT_AT_ALL


def standing_badges(verdict: StoredVerdict | CertificateVerdict | None) -> list[Badge]:
    """How an entry's certificate stands at this site."""
    if verdict is None:
        title = "The certificate is new here; the site checks it within seconds."
        return [Badge(MARKS[TrustMark.UNJUDGED], "plain", title)]
    found = [_standing_badge(verdict)]
    if verdict.listed and verdict.standing is Standing.CHAINED:
        found.append(
            Badge("on the allow-list", "good", "The certificate's subject is on this site's allow-list.")
        )
    return found


def verdict_badge(row: Dated, verdict: Verdict | None, judges: Judging, now: datetime) -> Badge:
    """May the image of a line be started? One badge, whatever else there is to say of the entry.

    Args:
        row: a current entry.
        verdict: on its image; None where it was not judged.
    """
    status = status_of(row.deprecated, row.valid, now)
    if status is Status.DEPRECATED:
        reason = cut(" ".join((row.deprecated or "").split()), _NAME)
        return Badge("withdrawn", "bad", f"Do not use: {reason}" if reason else "Withdrawn by its endorser.")
    if judges is Judging.NOT_AT_ALL or verdict is None:
        return _unjudged_badge(status)
    if verdict.allowed:
        return _allowed_badge(row, verdict)
    first = verdict.reasons[0]
    text, tone = _REFUSALS.get(str(first.code), ("not allowed", "bad"))
    return Badge(text, tone, _sentence(first.message))


@dataclass(frozen=True, slots=True)
class VerdictBanner:
    """The verdict on top of a page; ``tone`` is good, bad, warn or plain, ``code`` why it is a refusal."""

    tone: str
    code: str | None
    sentence: str
    change: str | None
    until: str | None


def banner(verdict: Verdict | None, judges: Judging) -> VerdictBanner | None:
    """What a page about an image says on top; None where the site judges no images."""
    if verdict is None or judges is Judging.NOT_AT_ALL:
        return None
    until = None if verdict.until is None else format_time(verdict.until)
    if verdict.allowed:
        return VerdictBanner("good", None, _sentence(verdict.sentence), None, until)
    first = verdict.reasons[0]
    tone = _REFUSALS.get(str(first.code), ("", "bad"))[1]
    change = None if first.change is None else _sentence(first.change)
    return VerdictBanner(tone, str(first.code), _sentence(first.message), change, until)


_PRIVATE = Badge("private", "plain", "Only members of your groups see this entry.")


@dataclass(frozen=True, slots=True)
class Lines:
    """The badges of a list.

    Args:
        verdicts: on its images, by identifier.
        private: keys of its entries that only groups of the reader see.
    """

    judges: Judging
    verdicts: Mapping[str, Verdict]
    now: datetime
    private: frozenset[int] = frozenset()

    def badge(self, row: EntryRow) -> Badge:
        """The badge of a current entry."""
        return verdict_badge(row, self.verdicts.get(row.identifier), self.judges, self.now)

    def privacy(self, row: EntryRow) -> list[Badge]:
        """The mark of an entry that not everybody sees."""
        return [_PRIVATE] if row.key in self.private else []

    def superseded(self, row: EntryRow) -> Badge:
        """The badge of an entry whose endorser said something newer."""
        return superseded_badge(self.verdicts.get(row.identifier))


def lines_of(request: Request, rows: Iterable[EntryRow]) -> Lines:
    """What a request's reader is told beside each line of a list."""
    runtime: Runtime = request.registry[Runtime]
    judges, now, listed = judging(request), runtime.now(), list(rows)
    keys = frozenset(row.key for row in listed)
    if judges is Judging.NOT_AT_ALL and principal_of(request).logs <= {PUBLIC}:
        return Lines(judges, {}, now)
    with visible_entries(request) as visible:
        private = visible.private_among(keys)
        if judges is Judging.NOT_AT_ALL:
            return Lines(judges, {}, now, private)
        return Lines(judges, runtime.judge.judge_listed(visible, listed, now), now, private)


def certificate_badges(row: EntryRow, judges: Judging) -> list[Badge]:
    """What a side of a conflict shows of the certificate and the signature."""
    found = standing_badges(row.verdict) if judges is Judging.BY_ANCHORS else []
    return [*found, strength_badge(row.strength)] if row.strength is Strength.LEGACY else found


def superseded_badge(verdict: Verdict | None) -> Badge:
    """The badge of an entry whose endorser said something newer."""
    if verdict is not None and not verdict.allowed and verdict.status is Status.DEPRECATED:
        return Badge("superseded, withdrawn", "bad", _sentence(verdict.reasons[0].message))
    return Badge("superseded", "plain", "The endorser has published a newer statement about this image.")


def _unjudged_badge(status: Status) -> Badge:
    if status is Status.EXPIRED:
        return Badge("expired", "warn", "The date of expiry has passed.")
    return Badge("not judged", "plain", "This site has no trusted issuers, so there is no trust decision.")


def _allowed_badge(row: Dated, verdict: Verdict) -> Badge:
    mine = next((one for one in verdict.statements if one.statement.entry_id == row.entry_id), None)
    if mine is not None and mine.weight is Weight.ALLOWS:
        return Badge("allowed", "good", _sentence(verdict.sentence))
    if mine is not None and mine.status is Status.EXPIRED:
        return Badge("expired", "warn", _sentence(mine.failure.found if mine.failure else ""))
    title = "This endorser is not trusted here. The image is allowed because of other endorsers."
    return Badge("not trusted", "plain", title)


#: Codes of reasons -> what a badge says, and its tone. A stranger is no danger by itself; what is known to
#: be wrong is.
_REFUSALS: Mapping[str, tuple[str, str]] = {
    Code.DEPRECATED: ("withdrawn", "bad"),
    Code.CONFLICT: ("contradicted", "bad"),
    Code.REVOKED: ("revoked", "bad"),
    Code.REVOCATION_UNKNOWN: ("revocation unknown", "warn"),
    Code.EXPIRED: ("expired", "warn"),
    Code.UNTRUSTED: ("not trusted", "plain"),
    Code.UNKNOWN: ("not trusted", "plain"),
    Code.LEGACY_SIGNATURE: ("weak signature", "warn"),
    Code.CERTIFICATE_OUT_OF_DATE: ("certificate out of date", "warn"),
    Code.FILTERED: ("not shown here", "plain"),
    "unjudged": ("not judged yet", "plain"),
}


def _sentence(text: str) -> str:
    return sentence(cut(text, _SENTENCE))


def _standing_badge(verdict: StoredVerdict | CertificateVerdict) -> Badge:
    standing = verdict.standing
    text = MARKS[TrustMark(standing.value)]
    if standing is Standing.CHAINED:
        if verdict.pinned:
            return Badge("pinned", "good", "The certificate itself is a trust anchor of this site.")
        anchor = cut(verdict.anchor or "", _NAME)
        return Badge(text, "good", f"The certificate chain ends at a trusted issuer of this site: {anchor}")
    if standing is Standing.REVOKED:
        return Badge(text, "bad", _revocation(verdict))
    if standing is Standing.REVOCATION_UNKNOWN:
        return Badge(text, "warn", "The issuer's revocation list is missing or out of date.")
    if standing is Standing.SELF_SIGNED:
        title = (
            "Self-signed: no authority confirms who this is, and this site has not pinned the certificate."
        )
        return Badge("self-signed certificate", "plain", title)
    return Badge(text, "warn", "The certificate chain does not end at a trusted issuer of this site.")


def _revocation(verdict: StoredVerdict | CertificateVerdict) -> str:
    if isinstance(verdict, StoredVerdict):
        since, reason = verdict.revoked_since, verdict.revoked_reason
    else:
        revoked = verdict.revoked
        since, reason = (None, None) if revoked is None else (revoked.since, revoked.reason)
    if since is None:
        return "A certificate was revoked by its issuer."
    return f"A certificate was revoked by its issuer on {day(since)} ({reason})."
