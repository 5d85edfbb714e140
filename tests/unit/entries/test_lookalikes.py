"""Who can be taken for whom."""

from __future__ import annotations

import pytest

from marketplace.entries import EndorserRow
from marketplace.entries.lookalikes import LookAlikes, common_names, skeleton


def row(email, name="Jane", issuer=None):
    subject = f"CN={name},O=Example,C=EU"
    return EndorserRow(email, subject, issuer or subject, 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("jim@example.org", "Jim@Example.ORG"),
        ("paypal@example.org", "paypa1@example.org"),
        ("illy@example.org", "Il1y@example.org"),
        ("rnarie@example.org", "marie@example.org"),
        ("www@example.org", "vvww@example.org"),
        ("bob0@example.org", "bobo@example.org"),
        ("Jane Tester", "Jаne Tester"),  # Cyrillic
        ("Jane Tester", "Ｊａｎｅ Tester"),  # full width
        ("Jane Tester", "Ja\u200bne Tester"),  # with a space of no width
        ("Jane Tester", "Jane Tеster"),
        ("Jane Tester", "𝐉ane Tester"),
        ("Ivan Ρetrov", "Ivan Petrov"),  # Greek
    ],
)
def test_alike(one, other):
    assert one != other and skeleton(one) == skeleton(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("jim@example.org", "joan@example.org"),
        ("jane.a@example.org", "jane.b@example.org"),
        ("jane@example.org", "jane@example.com"),
        ("images@example.org", "image@example.org"),
        ("Jane Tester", "Jane Taster"),
        ("Иван", "Петр"),
    ],
)
def test_not_alike(one, other):
    assert skeleton(one) != skeleton(other)


def test_both_sides_are_told():
    found = LookAlikes([row("marie@x.org", "Marie"), row("rnarie@x.org", "Eve"), row("ann@x.org", "Ann")])
    assert [(one.kind, one.email) for one in found.of("marie@x.org")] == [("address", "rnarie@x.org")]
    assert [one.email for one in found.of("rnarie@x.org")] == ["marie@x.org"]
    assert found.of("ann@x.org") == found.of("nobody@x.org") == []


def test_a_name_is_told_unless_one_authority_certified_it_for_both_addresses():
    authority = "CN=Authority"
    same = LookAlikes([row("jane@x.org", issuer=authority), row("jane@home.org", issuer=authority)])
    assert same.of("jane@x.org") == []
    forged = LookAlikes([row("jane@x.org", issuer=authority), row("mallory@evil.org", "Jаne")])
    (found,) = forged.of("jane@x.org")
    assert (found.kind, found.email, found.text) == ("name", "mallory@evil.org", "Jаne")
    # Two self-signed certificates of one name prove nothing of one another.
    assert len(LookAlikes([row("jane@x.org"), row("jane@evil.org")]).of("jane@x.org")) == 1


def test_names_are_read_from_subjects_as_they_are_escaped():
    assert common_names(r"CN=Doe\, Jane+UID=7,O=x") == ["Doe, Jane"]
    assert common_names("O=only,C=EU") == []
    assert common_names("C=EU,CN=Old Order") == ["Old Order"]


def test_thousands_of_look_alikes_are_bounded():
    many = LookAlikes([row("jane@x.org", "J")] + [row(f"e{n}@x.org", "J") for n in range(5000)])
    assert len(many.of("jane@x.org")) == 20
