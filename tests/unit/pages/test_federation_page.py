"""What the federation page says of a peer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from marketplace.pages.federation import reason
from marketplace.peers.errors import ContactError, HereError
from marketplace.peers.registry.pull_writes import MovedError
from marketplace.tlog.errors import TlogError
from marketplace.tlog.following import IntegrityError


def codes(base: type[Exception]) -> Iterator[str]:
    if "code" in vars(base):
        yield vars(base)["code"]
    for one in base.__subclasses__():
        yield from codes(one)


CODES = {*codes(ContactError), *codes(IntegrityError), *codes(TlogError), HereError.code, MovedError.code}


@pytest.mark.parametrize("code", sorted(CODES - {"tlog", "integrity"}))
def test_every_failure_is_a_sentence_of_its_own(code: str) -> None:
    assert reason(code) != reason("something.else")
