"""The answer: may this image be started, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from validators.decision import Rule, RuleOutcome
from validators.document import Checksum, Coordinates
from validators.policy.statements import Statement
from validators.policy.weighing import Weighed
from validators.status import Status


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an image is not allowed.

    Args:
        code: one of ``Code``.
        message: a sentence.
        change: what would make it come out otherwise; None where nothing would.
    """

    code: str
    message: str
    change: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """The entry that somebody asked about, where it is not a current one.

    Args:
        by: the current entry of the same endorser that replaced it; None where there is none.
    """

    coordinates: Coordinates
    by: Coordinates | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A site's answer about an image at one moment.

    Args:
        rules: every rule that was applied.
        until: the first moment at which the clock alone makes ``allowed`` another one; None: never.
        entry: the statement that decided: who withdrew the image, or the newest that says yes, or
            the one that comes closest to it. None where nobody says anything.
        status: of that entry.
        checksums: what the bytes must be, by those who say yes; all they name, strongest first.
        statements: every statement with its weight, those that count first.
        asked: the superseded entry that the question was about.
    """

    identifier: str
    allowed: bool
    rules: tuple[Rule, ...]
    until: datetime | None
    entry: Statement | None
    status: Status | None
    checksums: tuple[Checksum, ...]
    statements: tuple[Weighed, ...]
    asked: Asked | None = None

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The rules that failed, the one that matters most first; none where the image is allowed."""
        return tuple(
            Reason(rule.code or rule.name, rule.found, rule.change)
            for rule in self.rules
            if rule.outcome is RuleOutcome.FAILED
        )

    @property
    def sentence(self) -> str:
        """The verdict in one line."""
        if not self.allowed:
            return f"NOT allowed: {self.reasons[0].message}"
        who = self.entry.endorser.email if self.entry is not None else "somebody"
        return f"allowed: {who} endorses it"
