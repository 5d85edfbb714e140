"""What a dry run tells of the confirmation by mail."""

from __future__ import annotations

from dataclasses import replace

from marketplace.confirmation.errors import ConfirmationError
from marketplace.confirmation.service import ConfirmationService
from marketplace.ingest.addressing import Addressing, address_of
from marketplace.ingest.dry_run import GATE_STEP, DryRun
from validators.report import Outcome, StepResult

#: The code of a gate that would let the upload wait.
CODE = "gate.confirmation"
_WAITS = (
    "An upload would wait (202) until {email} confirms it by mail: this certificate is new for the address."
)


def with_confirmation(
    found: DryRun, confirmation: ConfirmationService, log: str | Addressing, client: str
) -> DryRun:
    """A dry run whose upload gate says that the endorser must confirm by mail, where that is so.

    Args:
        log: that would be uploaded to.
        client: address of whoever asks.
    """
    gate = found.steps[-1]
    if found.entry is None or not found.passes or gate.code is not None:
        return found
    try:
        if not confirmation.would_hold(found.entry, address_of(found.entry, log).log, client):
            return found
    except ConfirmationError as error:
        told = StepResult(GATE_STEP, gate.name, Outcome.FAILED, error.code, error.message)
        return replace(found, steps=(*found.steps[:-1], told))
    email = found.entry.endorser.email
    told = StepResult(GATE_STEP, gate.name, Outcome.PASSED, CODE, _WAITS.format(email=email))
    return replace(found, steps=(*found.steps[:-1], told), awaits=email)
