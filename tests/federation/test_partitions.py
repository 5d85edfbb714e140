"""Networks that fall apart and heal: in every part work goes on, and afterwards all hold the same."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.federation.namespaces import PlacedSite, placed_sites, reason_against
from tests.federation.sites import await_equal, document, doubled, heal
from tests.soaking import Tell

_REASON = reason_against()
pytestmark = pytest.mark.skipif(_REASON is not None, reason=_REASON or "")

#: Times that a cable is pulled and put back, and seconds between.
FLAPS, SOAK_FLAPS, PAUSE = 4, 60, 0.7
APART, SOAK_APART = 2.0, 60.0


def say(made: list[PlacedSite], about: str) -> set[str]:
    """A new entry at each site."""
    return {site.upload(document(f"{about} at {site.name}")) for site in made}


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("names", "flaps", "apart"),
    [("abc", FLAPS, APART), pytest.param("abcd", SOAK_FLAPS, SOAK_APART, marks=pytest.mark.soak)],
)
def test_partitions_heal(tmp_path: Path, names: str, flaps: int, apart: float, tell: Tell) -> None:
    with placed_sites(tmp_path, names) as made:
        first, second, *others = made
        sent = say(made, "before")
        await_equal(made, sent)

        first.cut()
        alone = say([first], "isolated")
        together = say([second, *others], "without the first")
        await_equal([second, *others], sent | together)
        time.sleep(apart)  # how long they are apart is what is tested
        assert first.ids() == sent | alone
        first.mend()
        sent |= alone | together
        await_equal(made, sent)

        for site in others:
            site.move("two")
        sides = say([first, second], "one side"), say(others, "other side")
        await_equal([first, second], sent | sides[0])
        time.sleep(apart)  # how long they are apart is what is tested
        assert all(site.ids() == sent | sides[1] for site in others)
        for site in others:
            site.move("one")
        sent |= sides[0] | sides[1]
        await_equal(made, sent)

        second.silence(first)
        sent |= say(made, "one-way")
        # Nothing comes back from the second to the first, but the others pass everything on.
        await_equal(made, sent)
        second.speak(first)

        for number in range(flaps):
            others[0].cut()
            sent |= say(made, f"flap {number}")
            time.sleep(PAUSE)  # the rhythm of the flapping is what is tested
            others[0].mend()
            time.sleep(PAUSE)  # the rhythm of the flapping is what is tested
        held, seconds = heal(made, sent)
        tell(3 + flaps, len(sent), len(sent - held), doubled(made), seconds)
        assert held == sent
        for site in made:
            assert site.complaints() == []
            assert [site.evidence(other.keys.site) for other in made if other is not site] == [[]] * (
                len(made) - 1
            )
