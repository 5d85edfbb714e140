"""The answers of a moment, as one value: what the socket and the verdict file are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from marketplace.sites.state import Copy, CopyState
from marketplace.sites.verdicts import SiteVerdict

#: States in which a file in a store is what its image's answer says.
_SHOWN = (CopyState.AVAILABLE,)
_MOST_REASON = 300


@dataclass(frozen=True, slots=True)
class TimedVerdict:
    """What holds for a key until a moment of the wall clock; None: without end."""

    allowed: bool
    until: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question.

    Args:
        known: whether anything is known of what was asked about.
        until: wall clock until which it holds; None where it does not end.
    """

    allowed: bool
    known: bool
    until: float | None
    reason: str


@dataclass(frozen=True)
class Answers:
    """Every answer that the site can give.

    Args:
        verdicts: by key: ``id:``, ``sha512:`` (and other strong digests), ``path:``, ``glance:``.
        made: wall clock.
        fresh_until: wall clock from which on what is known is too old.
        when_stale: what happens then.
        unknown: the answer about what is not known here.
    """

    verdicts: Mapping[str, TimedVerdict] = field(default_factory=dict)
    made: float = 0.0
    fresh_until: float = 0.0
    when_stale: Literal["refuse", "keep"] = "refuse"
    unknown: Literal["allow", "refuse"] = "allow"

    def ask(self, key: str, now: float) -> Answer:
        """May what a key stands for be started at a moment?"""
        found = self.verdicts.get(key)
        if found is None:
            allowed = self.unknown == "allow"
            rule = "decision.unknown = " + self.unknown
            return Answer(allowed, False, None, f"{key} is not known to this site ({rule})")
        if not found.allowed:
            return Answer(False, True, found.until, found.reason)
        if found.until is not None and now >= found.until:
            return Answer(False, True, None, "what was allowed has ended, and is being judged again")
        if self.when_stale == "refuse" and now >= self.fresh_until:
            return Answer(False, True, None, "no marketplace was heard for too long (decision.stale_after)")
        ends = [one for one in (found.until, self.fresh_until) if one is not None]
        return Answer(True, True, min(ends), found.reason)


def make_verdicts(
    verdicts: Iterable[SiteVerdict], copies: Iterable[Copy], paths: Mapping[tuple[str, str], str]
) -> dict[str, TimedVerdict]:
    """The verdicts of all keys.

    Args:
        paths: digest and store -> key of the copy there.
    """
    found: dict[str, TimedVerdict] = {}
    by_image: dict[str, SiteVerdict] = {}
    for one in verdicts:
        by_image[one.identifier] = one
        timed = TimedVerdict(one.allowed, one.until, clean_reason(one.reason))
        for key in (f"id:{one.identifier}", *one.digests):
            # Where two images share a digest, the one that is refused counts.
            if key not in found or found[key].allowed:
                found[key] = timed
    for copy in copies:
        where = paths.get((copy.digest, copy.store))
        verdict = by_image.get(copy.identifier)
        if where is None or copy.state is CopyState.REMOVED:
            continue
        if (
            verdict is not None
            and verdict.allowed
            and copy.state in _SHOWN
            and copy.digest in verdict.digests
        ):
            found[where] = TimedVerdict(True, verdict.until, clean_reason(verdict.reason))
        else:
            reason = copy.reason if verdict is None or verdict.allowed else verdict.reason
            found[where] = TimedVerdict(False, None, clean_reason(f"{copy.state.value}: {reason}"))
        if copy.digest not in found:
            found[copy.digest] = found[where]
    return found


def clean_reason(text: str) -> str:
    """A reason on one line, without control characters, and not endless."""
    return "".join(c if c.isprintable() else " " for c in text)[:_MOST_REASON] or "-"
