"""The table of what services' errors are over HTTP."""

from __future__ import annotations

import pytest

from marketplace.http.refusals import ANSWERS, refuse
from marketplace.ingest.errors import ConflictError, GateError, TooManyUploadsError
from marketplace.peers.errors import PeerError, PeerNotFoundError


def test_an_error_keeps_its_code_and_its_sentence() -> None:
    told = refuse(ConflictError("the coordinates are taken"))
    assert (told.status, told.code, told.reason) == (409, ConflictError.code, "the coordinates are taken")


def test_a_class_without_a_line_takes_that_of_its_nearest_base() -> None:
    class Narrow(GateError):
        code = "gate.narrow"

    class Peerless(PeerNotFoundError):
        code = "peer.less"

    assert (refuse(Narrow("no")).status, refuse(Narrow("no")).code) == (400, "gate.narrow")
    assert refuse(Narrow("no")).details == {"step": 8}
    assert refuse(Peerless("none")).status == 404
    assert refuse(PeerError("none")).status == 400


def test_when_to_try_again_is_what_the_error_says() -> None:
    assert ("Retry-After", "17") in refuse(TooManyUploadsError(17)).headers


def test_an_error_that_is_no_refusal_has_no_line() -> None:
    with pytest.raises(LookupError):
        refuse(ZeroDivisionError())


def test_statuses_are_those_of_refusals() -> None:
    assert ANSWERS
    assert not {Exception, ValueError, OSError, LookupError} & ANSWERS.keys()
