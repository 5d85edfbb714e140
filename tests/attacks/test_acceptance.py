"""First way in: every hostile document is refused by acceptance, for its own reason and at once."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.attacks.catalogue import ATTACKS
from tests.attacks.forging import Attack, entry
from tests.costs import JUDGING, costing_at_most
from validators import accept, examine
from validators.errors import RefusedError


def test_the_documents_would_be_accepted_but_for_the_attack() -> None:
    assert accept(entry())


def test_every_attack_has_a_name_of_its_own() -> None:
    names = Counter(attack.name for attack in ATTACKS)
    assert [name for name, count in names.items() if count > 1] == []
    assert len(ATTACKS) >= 150


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.kind}: {attack.name}")
def test_an_attack_is_refused_for_its_own_reason(attack: Attack) -> None:
    data = attack.build()
    with costing_at_most(JUDGING), pytest.raises(RefusedError) as caught:
        accept(data)
    assert caught.value.code == attack.code, caught.value.message
    assert len(caught.value.message) < 2_000
    assert caught.value.message.isprintable()


def test_a_report_says_the_same() -> None:
    for attack in ATTACKS[::10]:
        report = examine(attack.build())
        assert report.refusal is not None
        assert (report.refusal.code, report.entry) == (attack.code, None)
