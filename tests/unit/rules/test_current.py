"""Current, timeline, tag and status: functions of the set, whatever the order."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.rules.current import Claim, unsuperseded
from tests.entry_rules import claim_of, conflicting, current, preferred_at, rank, status, tag_target, timeline
from tests.factories.entries import EPOCH, hex_digest, moment
from validators.status import Status


@dataclass(frozen=True)
class Said:
    identifier: str = "image"
    email: str = "jane@example.org"
    created: datetime = EPOCH
    valid: datetime | None = None
    deprecated: str | None = None
    tags: tuple[str, ...] = ()
    salt: int = 0
    certificate: int = 0
    key_digest: str = "k"
    trusted: bool = False

    @property
    def statement(self) -> str:
        return hex_digest(
            *(self.identifier, self.email, self.created, self.valid, self.deprecated, self.tags),
            *(self.salt, self.key_digest),
        )

    @property
    def entry_id(self) -> str:
        return hex_digest(self.statement, self.certificate)


SAID = st.builds(
    Said,
    identifier=st.sampled_from(["a", "b"]),
    email=st.sampled_from(["x", "y"]),
    created=st.integers(0, 3).map(moment),
    deprecated=st.sampled_from([None, "", "why"]),
    tags=st.sampled_from([(), ("t",), ("t", "u")]),
    salt=st.integers(0, 2),
    certificate=st.integers(0, 1),
    key_digest=st.sampled_from(["k", "l", "m"]),
    trusted=st.booleans(),
)
SETS = st.lists(SAID, max_size=20, unique_by=lambda said: said.entry_id).map(set)


@given(SETS, st.randoms(use_true_random=False))
def test_the_order_of_a_set_does_not_matter(entries: set[Said], chance: random.Random) -> None:
    one, other = sorted(entries, key=repr), sorted(entries, key=repr)
    chance.shuffle(other)
    assert current(one) == current(other)
    assert timeline(one, "a") == timeline(other, "a")
    assert tag_target(one, "x", "t") == tag_target(other, "x", "t")


def rows(entries: set[Said]) -> list[Claim[Said]]:
    """What the table of current entries keeps of a log."""
    found = []
    for (identifier, email), shown in current(entries).items():
        own = [e for e in entries if (e.identifier, e.email) == (identifier, email)]
        for entry in shown:
            vouched = [rank(e) for e in own if e.trusted and e.key_digest == entry.key_digest]
            found.append(replace(claim_of(entry), trusted=max(vouched, default=None)))
    return found


@given(SETS, SETS)
def test_current_of_a_union_needs_only_the_rows_of_the_logs(one: set[Said], other: set[Said]) -> None:
    """Why a reader of several logs may start from each log's current entries."""
    kept = [*rows(one), *rows(other)]
    for (identifier, email), shown in current(one | other).items():
        claims = [c for c in kept if (c.entry.identifier, c.entry.email) == (identifier, email)]
        assert [claim.entry for claim in unsuperseded(claims)] == shown


@given(SETS)
def test_what_is_not_current_is_superseded_by_its_key_or_by_a_trusted_one(entries: set[Said]) -> None:
    shown = {entry for found in current(entries).values() for entry in found}
    for entry in entries:
        newer = [
            other
            for other in entries
            if (other.identifier, other.email) == (entry.identifier, entry.email)
            and rank(other) > rank(entry)
            and (other.trusted or other.key_digest == entry.key_digest)
        ]
        assert (entry in shown) == (not newer)


@given(SETS)
def test_precedence_is_a_total_order(entries: set[Said]) -> None:
    assert len({rank(entry) for entry in entries}) == len(entries)


def test_the_later_statement_is_current() -> None:
    old, new = Said(created=moment(1), deprecated="bad"), Said(created=moment(2))
    assert current([new, old]) == {("image", "jane@example.org"): [new]}


def test_of_two_statements_of_one_second_the_deprecation_is_current() -> None:
    for salt in range(8):  # whichever id is smaller
        good, bad = Said(salt=salt), Said(deprecated="")
        assert current([good, bad])["image", "jane@example.org"] == [bad]


def test_of_two_equal_statements_of_one_second_the_smaller_id_is_current() -> None:
    both = [Said(salt=1), Said(salt=2)]
    assert current(both)["image", "jane@example.org"] == [min(both, key=lambda s: s.entry_id)]
    assert conflicting(both) == {s.entry_id for s in both}
    assert conflicting([both[0], Said(created=moment(1))]) == set()


def test_one_statement_under_altered_certificates_is_no_equivocation() -> None:
    said, altered = Said(certificate=1), Said(certificate=2)
    assert said.entry_id != altered.entry_id
    assert conflicting([said, altered]) == set()
    other = Said(salt=9)
    assert conflicting([said, altered, other]) == {said.entry_id, altered.entry_id, other.entry_id}


def test_a_stranger_stands_beside_and_a_trusted_one_takes_the_place() -> None:
    hers, strangers = Said(created=moment(1)), Said(created=moment(2), deprecated="", key_digest="x")
    image = hers.identifier, hers.email
    assert current([hers, strangers])[image] == [strangers, hers]
    renewed = Said(created=moment(3), key_digest="new", trusted=True)
    assert current([hers, strangers, renewed])[image] == [renewed]
    later = replace(strangers, created=moment(4))
    assert current([hers, strangers, renewed, later])[image] == [later, renewed]


def test_a_tag_stays_with_the_key_that_the_site_trusts() -> None:
    hers = Said("a", created=moment(1), tags=("t",), trusted=True)
    strangers = Said("b", created=moment(2), tags=("t",), key_digest="x")
    assert tag_target([hers, strangers], hers.email, "t") is hers
    # A certificate that the site does not know, around the same key, is hers too.
    again = Said("c", created=moment(3), tags=("t",), certificate=1)
    assert tag_target([hers, strangers, again], hers.email, "t") is again
    nobody = replace(hers, trusted=False)
    assert tag_target([nobody, strangers], hers.email, "t") is strangers


def test_a_place_shows_the_key_that_the_site_trusts() -> None:
    for salt in range(8):  # whichever id is smaller
        hers, strangers = Said(trusted=True), Said(salt=salt, deprecated="", key_digest="x")
        assert preferred_at([hers, strangers]) is hers


def test_a_tag_names_the_newest_current_entry_that_is_not_deprecated() -> None:
    plain = Said("a", created=moment(1), tags=("t",))
    newer = Said("b", created=moment(2), tags=("t",))
    assert tag_target([plain, newer], newer.email, "t") is newer
    gone = Said("b", created=moment(3), tags=("t",), deprecated="")
    assert tag_target([plain, newer, gone], newer.email, "t") is plain
    untagged = Said("b", created=moment(3))
    assert tag_target([plain, newer, untagged], newer.email, "t") is plain
    assert tag_target([plain, newer], "joe@example.org", "t") is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Said(), Status.VALID),
        (Said(valid=moment(11)), Status.VALID),
        (Said(valid=moment(10)), Status.VALID),
        (Said(valid=moment(9)), Status.EXPIRED),
        (Said(deprecated=""), Status.DEPRECATED),
        (Said(deprecated="why", valid=moment(9)), Status.DEPRECATED),
    ],
)
def test_status(said: Said, expected: Status) -> None:
    assert status(said, moment(10) + timedelta(microseconds=999_999)) is expected
