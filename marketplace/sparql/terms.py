"""The values a query result holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Iri:
    """A resource with a name."""

    value: str


@dataclass(frozen=True, slots=True)
class Blank:
    """A resource without a name; the label holds within one result."""

    value: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, with its language or its datatype.

    Args:
        datatype: an IRI; None for plain text and for text with a language.
        language: a language tag.
    """

    value: str
    datatype: str | None = None
    language: str | None = None


Term = Iri | Blank | Literal
