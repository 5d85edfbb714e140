"""What a look at a document finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from validators.document import Metadata


class Level(StrEnum):
    """Whether a finding keeps an entry out."""

    ERROR = "error"
    ADVICE = "advice"


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One thing to mend or to think about.

    Args:
        code: stable; of the refusal, or of a rule of ``advice.RULES``.
        element: that it is about, as people write it; empty for the whole document.
        message: one sentence that says what to do.
    """

    code: str
    level: Level
    element: str
    message: str

    def record(self) -> dict[str, str]:
        """The finding as members for JSON and YAML."""
        return {
            "code": self.code,
            "level": self.level.value,
            "element": self.element,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What is known of the image's file beside the document; None where it is not known.

    Args:
        format: of the image in it.
        compression: of the file, ``none`` where it has none.
    """

    format: str | None = None
    compression: str | None = None


@dataclass(frozen=True, slots=True)
class Linted:
    """A document that was looked at.

    Args:
        signed: whether it has a signature; without one it is a draft.
        metadata: what it says; None where acceptance would refuse it.
    """

    signed: bool
    metadata: Metadata | None
    findings: tuple[LintFinding, ...]

    @property
    def passes(self) -> bool:
        """Whether nothing keeps the entry out."""
        return all(finding.level is not Level.ERROR for finding in self.findings)
