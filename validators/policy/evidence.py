"""Everything the rules about an image look at, weighed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from validators.policy.patterns import ChecksumPattern
from validators.policy.statements import Statement
from validators.policy.values import Deprecation, LocalWord, Measured, Policy
from validators.policy.weighing import Weighed, Weight, moments_of, weigh
from validators.status import Status


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of an image at a moment; statements are newest first.

    Args:
        local, measured, fresh_until, checksum: as of ``judge``.
        weighed: every statement.
        counted: those that count.
        withdrawing: those of them that deprecate the image.
        allowing: those whose yes counts, without what the same endorser withdraws.
    """

    identifier: str
    policy: Policy
    now: datetime
    local: Sequence[LocalWord]
    measured: Measured | None
    fresh_until: datetime | None
    checksum: ChecksumPattern | None
    weighed: Sequence[Weighed] = ()
    counted: Sequence[Weighed] = ()
    withdrawing: Sequence[Weighed] = ()
    allowing: Sequence[Weighed] = ()

    def hear(self, statements: Sequence[Statement]) -> Evidence:
        """This evidence with more statements.

        Args:
            statements: newest first.
        """
        return self._with([weigh(one, self.policy, self.now) for one in statements])

    def at(self, now: datetime) -> Evidence:
        """This evidence at a later moment."""
        # Only the clock moved, so what has not come to an end weighs what it did.
        weighed = [
            weigh(one.statement, self.policy, now)
            if any(moment <= now for moment in moments_of(one.statement, self.policy))
            else one
            for one in self.weighed
        ]
        return replace(self, now=now)._with(weighed)

    def _with(self, weighed: Sequence[Weighed]) -> Evidence:
        counted = [one for one in weighed if one.weight is not Weight.NONE]
        withdrawing = [one for one in counted if one.status is Status.DEPRECATED]
        allowing = [one for one in counted if one.weight is Weight.ALLOWS]
        if withdrawing and self.policy.deprecation is Deprecation.OWN:
            allowing = [
                yes
                for yes in allowing
                if not any(_same_endorser(yes.statement, no.statement) for no in withdrawing)
            ]
        return replace(self, weighed=weighed, counted=counted, withdrawing=withdrawing, allowing=allowing)


def newest(statement: Statement) -> tuple[datetime, bool, str]:
    """A key whose greatest value is the newest; of several at once the same one everywhere."""
    return statement.created, statement.deprecated is not None, statement.entry_id


def _same_endorser(one: Statement, other: Statement) -> bool:
    return one.key == other.key or (one.bound_email is not None and one.bound_email == other.bound_email)
