"""Why an entry is refused: one tree, one class and one stable code per rule."""

from __future__ import annotations

from typing import ClassVar

_SHOWN = 120


class RefusedError(Exception):
    """An entry breaks a rule of acceptance.

    Args:
        element: the element (or attribute, or part) the rule is about, as a
            prefixed name or path a publisher recognises.
        found: what stands there, as written; shortened and escaped for display.
        expected: what the rule wants, as a phrase.
    """

    #: Stable, machine-readable name of the rule, e.g. ``signature.digest``.
    code: ClassVar[str] = "refused"
    #: The step of the acceptance procedure the rule belongs to, 1-6.
    step: ClassVar[int] = 0

    def __init__(self, element: str, found: object, expected: str) -> None:
        self.element = element
        self.found = shown(found)
        self.expected = expected
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """One sentence that names the element, what was found and what was expected."""
        return f"{self.element}: found {self.found}, expected {self.expected}"


def shown(value: object) -> str:
    """Make hostile text safe for one line of a message: no control or invisible characters, bounded length."""
    if not isinstance(value, str):
        return str(value)
    cut = value[:_SHOWN]
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)
    return f"'{safe}'" + ("..." if len(value) > _SHOWN else "")
