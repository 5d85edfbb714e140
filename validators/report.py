"""What acceptance found, step by step: for a dry run, and for people who mend a document."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from validators.document import AcceptedEntry, Strength
from validators.errors import RefusedError
from validators.pipeline import accept


class Outcome(StrEnum):
    """How a step of acceptance ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_REACHED = "not-reached"


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step of acceptance.

    Args:
        number: 1-6, as in FORMAT.
        code: of the refusal, where the step failed.
        message: one sentence.
    """

    number: int
    name: str
    outcome: Outcome
    code: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """Every step with its outcome, and the entry or the refusal they lead to."""

    steps: tuple[StepResult, ...]
    entry: AcceptedEntry | None
    refusal: RefusedError | None

    @property
    def accepted(self) -> bool:
        """Whether the document is an entry."""
        return self.entry is not None


# A step builds on the ones before it, so there is one refusal at most.
_STEPS: Final = {
    1: ("Well-formed and within limits", "The document is UTF-8 XML within all limits."),
    2: ("Signature covers the whole document", "There is one signature, and it covers the whole document."),
    3: ("Signature is valid", "The signature was made with the key of the certificate."),
    4: ("All fields are present and valid", "Every field is where the format wants it, with a valid value."),
    5: ("Endorser matches the certificate", "Name and address of the endorser are those of the certificate."),
    6: ("Describes this image only", "The content is RDF/XML about this image only."),
}
_NOT_REACHED: Final = "Not checked, because an earlier step failed."


def examine(data: bytes) -> Report:
    """Run acceptance and report every step; never raises for bad input.

    Args:
        data: the received bytes; anything.
    """
    try:
        entry = accept(data)
    except RefusedError as error:
        refusal = error.released()
        return Report(tuple(_refused_step(number, refusal) for number in _STEPS), None, refusal)
    return Report(tuple(_passed_step(number, entry) for number in _STEPS), entry, None)


def _passed_step(number: int, entry: AcceptedEntry) -> StepResult:
    name, message = _STEPS[number]
    if number == 3:
        algorithms = f"{entry.signature_algorithm}, digest {entry.digest_algorithm}"
        remark = " These are legacy algorithms or keys." if entry.strength is Strength.LEGACY else ""
        message = f"{message[:-1]} ({algorithms}).{remark}"
    return StepResult(number, name, Outcome.PASSED, None, message)


def _refused_step(number: int, refusal: RefusedError) -> StepResult:
    name, message = _STEPS[number]
    if number < refusal.step:
        return StepResult(number, name, Outcome.PASSED, None, message)
    if number == refusal.step:
        return StepResult(number, name, Outcome.FAILED, refusal.code, refusal.message)
    return StepResult(number, name, Outcome.NOT_REACHED, None, _NOT_REACHED)
