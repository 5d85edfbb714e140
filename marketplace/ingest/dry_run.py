"""A dry run: everything an upload would be told, and nothing stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from marketplace.access import PUBLIC, Principal
from marketplace.changes import ChangeLog
from marketplace.entries import ListCaches, VisibleEntries
from marketplace.entries.erased import find_erasures
from marketplace.ingest.addressing import Addressing
from marketplace.ingest.audience import verify_audience
from marketplace.ingest.errors import AudienceError, ConflictError, ErasedError, GateError
from marketplace.ingest.gate import (
    UploadPolicy,
    is_blocked,
    latest_that_counts,
    verify_gate,
)
from marketplace.ingest.signers import is_trusted_signer
from validators import accept
from validators.document import AcceptedEntry, Metadata
from validators.errors import RefusedError
from validators.lint import LintFinding, advise
from validators.report import Outcome, Report, StepResult
from validators.trust import TrustVerdict, judge

#: Steps of FORMAT behind acceptance.
TRUST_STEP, GATE_STEP = 7, 8


@dataclass(frozen=True, slots=True)
class DryRun:
    """The answer that an upload would get.

    Args:
        steps: 1-8 of FORMAT, each with its outcome.
        entry: the entry, where acceptance takes it.
        refusal: of acceptance, where it does not.
        trust: what is known of the entry's trustworthiness.
        awaits: the address whose reader would be asked before the entry is stored, if any.
        advice: what cloud sites will refuse or miss in the entry; keeps nothing out.
    """

    steps: tuple[StepResult, ...]
    entry: AcceptedEntry | None
    refusal: RefusedError | None
    trust: TrustVerdict | None
    awaits: str | None = None
    advice: tuple[LintFinding, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether an upload would be taken."""
        return all(step.outcome is Outcome.PASSED for step in self.steps)


def dry_run_upload(
    report: Report,
    session: Session,
    log: str | Addressing,
    policy: UploadPolicy,
    now: datetime,
    caches: ListCaches | None = None,
) -> DryRun:
    """Judge an upload as it would be judged now; another upload may change that a moment later.

    Args:
        report: what acceptance found.
        log: that would be uploaded to, as for ``IngestService.submit``; no other one is looked at.
    """
    entry = report.entry
    if entry is None:
        unasked = (
            _step(TRUST_STEP, Outcome.NOT_REACHED, None, "Not checked, because an earlier check failed."),
            _step(GATE_STEP, Outcome.NOT_REACHED, None, "Not checked, because an earlier check failed."),
        )
        return DryRun((*report.steps, *unasked), None, report.refusal, None)
    trust = judge(entry)
    name = log if isinstance(log, str) else log(entry).log
    visible = VisibleEntries(session, Principal(None, frozenset({name})), caches)
    judged = (
        _step(TRUST_STEP, Outcome.PASSED, None, _trust_message(trust)),
        _judge_gate(entry, session, visible, name, policy, now),
    )
    advice = advise(entry.metadata, now, previous=_previous(entry, visible))
    return DryRun((*report.steps, *judged), entry, None, trust, advice=advice)


def _previous(entry: AcceptedEntry, visible: VisibleEntries) -> Metadata | None:
    """What the endorser's first tag stands for now, where that is another image."""
    for tag in entry.metadata.tags[:1]:
        row = visible.tagged(entry.endorser.email, tag)
        stored = None if row is None else visible.find_body(row.coordinates)
        if stored is not None and stored.coordinates.identifier != entry.identifier:
            return accept(stored.data).metadata
    return None


def _trust_message(trust: TrustVerdict) -> str:
    names = "self-signed" if trust.self_signed else "issued by another certificate"
    bound = "is in the certificate" if trust.email_bound else "is the signer's own claim"
    date = "in date" if trust.in_date_at_created else "not in date"
    return f"The certificate is {names} and was {date} at dcterms:created; the address {bound}."


def _judge_gate(
    entry: AcceptedEntry,
    session: Session,
    visible: VisibleEntries,
    log: str,
    policy: UploadPolicy,
    now: datetime,
) -> StepResult:
    try:
        verify_audience(entry, log)
    except AudienceError as error:
        return _step(GATE_STEP, Outcome.FAILED, error.code, error.message)
    logs = ChangeLog(session)
    reason = find_erasures(session).find_reason(entry, (logs.key(log), logs.key(PUBLIC)))
    if reason is not None:
        message = f"This entry was erased here and cannot be uploaded again: {reason}"
        return _step(GATE_STEP, Outcome.FAILED, ErasedError.code, message)
    stored = visible.find_body_by_entry_id(entry.entry_id)
    if stored is not None and stored.data == entry.data:
        message = "Already uploaded; nothing would change."
        return _step(GATE_STEP, Outcome.PASSED, "gate.unchanged", message)
    own = [row for row in visible.timeline(entry.identifier) if row.email == entry.endorser.email]
    trusted = is_trusted_signer(session, entry, policy, now)
    if stored is not None or is_blocked(entry, own, trusted=trusted):
        message = "Another document already has these coordinates."
        return _step(GATE_STEP, Outcome.FAILED, ConflictError.code, message)
    try:
        verify_gate(entry, latest_that_counts(entry, own), policy, now)
    except GateError as error:
        return _step(GATE_STEP, Outcome.FAILED, error.code, error.message)
    return _step(GATE_STEP, Outcome.PASSED, None, "The upload would be accepted.")


_NAMES = {TRUST_STEP: "Trust", GATE_STEP: "Upload gate"}


def _step(number: int, outcome: Outcome, code: str | None, message: str) -> StepResult:
    return StepResult(number, _NAMES[number], outcome, code, message)
