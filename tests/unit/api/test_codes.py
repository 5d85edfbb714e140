"""Why an entry is refused has one list, and what programs and people are told of it has all of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from marketplace.api.openapi import OPERATIONS
from marketplace.ingest.errors import GateError
from tests.launching import ROOT
from validators.errors import RefusedError

ROWS = {
    int(step): re.findall(r"`([a-z0-9.-]+)`", codes)
    for step, codes in re.findall(
        r"^\| ([1-8]) [^|]+\| ((?:`[a-z0-9.-]+` ?)+) ?\|$",
        (ROOT / "docs" / "api.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
}


def raised(tree: type[RefusedError] | type[GateError]) -> Iterator[type[RefusedError] | type[GateError]]:
    below = tree.__subclasses__()
    if not below:
        yield tree
    for each in below:
        yield from raised(each)


@pytest.mark.parametrize("step", range(1, 7))
def test_the_documentation_has_the_codes_of_each_step_in_their_order(step: int) -> None:
    assert ROWS[step] == [each.code for each in raised(RefusedError) if getattr(each, "step", 0) == step]


def test_the_documentation_has_the_codes_of_the_gate() -> None:
    assert sorted(ROWS[8]) == sorted(each.code for each in raised(GateError))


def test_every_code_has_one_class() -> None:
    codes = [each.code for each in raised(RefusedError)]
    assert len(set(codes)) == len(codes)
    assert {1, 2, 3, 4, 5, 6} <= {getattr(each, "step", 0) for each in raised(RefusedError)}


def test_the_description_of_an_upload_has_every_code() -> None:
    told = {
        operation.route: set(operation.errors[400])
        for operation in OPERATIONS
        if "gate.legacy" in operation.errors.get(400, ())
    }
    gate = {each.code for each in raised(GateError)}
    entry = {each.code for each in raised(RefusedError)}
    assert len(told) >= 2 and all(gate <= codes for codes in told.values())
    assert [route for route, codes in told.items() if entry <= codes] == ["web.entries"]
