"""No rule without an explanation, no explanation without a rule."""

from __future__ import annotations

from collections.abc import Iterator

from marketplace.ingest.errors import ConflictError, GateError
from validators.errors import RefusedError
from validators.explanations import EXPLANATIONS, explained


def concrete(base: type) -> Iterator[type]:
    """The classes that are raised: those without subclasses."""
    below = base.__subclasses__()
    if not below:
        yield base
    for each in below:
        yield from concrete(each)


def test_every_rule_is_explained_and_nothing_else():
    rules = {each.code for base in (RefusedError, GateError) for each in concrete(base)}
    assert set(EXPLANATIONS) == rules | {ConflictError.code}


def test_other_codes_have_none():
    assert explained("query.limit") is None and explained(None) is None
