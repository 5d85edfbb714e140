"""Who an entry is for, as its endorser signed it (FORMAT, Words: private entry).

Only the one value ``private`` has a meaning; every other text of
dcterms:accessRights is information for people.
"""

from __future__ import annotations

from dataclasses import dataclass

from .document import Metadata
from .vocabulary import dcterms

_ACCESS_RIGHTS = dcterms("accessRights")
_AUDIENCE = dcterms("audience")
_PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class Audience:
    """Who may be shown an entry.

    Args:
        private: the endorser says that not everybody may.
        groups: names of the groups it is for, as signed; none where the endorser names none.
    """

    private: bool
    groups: tuple[str, ...]


def read_audience(metadata: Metadata) -> Audience:
    """The audience that an entry is signed for.

    Said several times in different ways, the narrower one counts: what is once
    shown to everybody cannot be taken back.
    """
    rights = [_bare(term.text) for term in metadata.terms if term.name == _ACCESS_RIGHTS]
    named = (_bare(term.text) for term in metadata.terms if term.name == _AUDIENCE)
    private = any(one.casefold() == _PRIVATE for one in rights)
    return Audience(private, tuple(dict.fromkeys(name for name in named if name)) if private else ())


def _bare(text: str) -> str:
    """A text without the white space around it that XML writers add."""
    return text.strip(" \t\r\n")
