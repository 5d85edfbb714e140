"""What is told of the images of views: sums over entries, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date

import pytest
from sqlalchemy import event

from marketplace.db import Database
from marketplace.usage import By, Figures, ImageUsage, Use, UseKind, ViewImages, images, last_days
from marketplace.usage.sums import add_uses, number_of
from tests.contract.test_usage import BOB, JANE, TODAY, YESTERDAY
from tests.factories.entries import accepted
from tests.mail.test_reminders import store
from validators.document import AcceptedEntry

FIRST, SECOND, OTHER = accepted("first", JANE), accepted("second", JANE), accepted("other", BOB)
LONG_AGO = date(2026, 2, 1)
Ask = Callable[..., Figures]


def used(database: Database, day: date, verdicts: dict[AcceptedEntry, int]) -> None:
    with database.write() as session:
        uses = {Use(UseKind.VERDICT, entry.entry_id): count for entry, count in verdicts.items()}
        add_uses(session, number_of(day), uses)


def view_of(*entries: AcceptedEntry, name: str = "lab", chosen: bool = False) -> ViewImages:
    return ViewImages(name, [(one.coordinates.email, one.entry_id) for one in entries], chosen)


def verdicts(figures: Figures) -> dict[str, int]:
    return {one.name: one.sums["verdicts"] for one in figures.periods}


@pytest.fixture
def moment() -> list[float]:
    """The time of a clock that goes on by a second with each look."""
    return [0.0]


@pytest.fixture
def ask(database: Database, moment: list[float]) -> Ask:
    store(database, FIRST, SECOND, OTHER)
    used(database, LONG_AGO, {FIRST: 100})
    used(database, YESTERDAY, {FIRST: 19, SECOND: 18, OTHER: 17})
    used(database, TODAY, {OTHER: 50})

    def clock() -> float:
        moment[0] += 1.0
        return moment[0]

    usage = ImageUsage(database, clock)

    def asked(view: ViewImages, by: By = By.DAY, *, exact: bool = True) -> Figures:
        return usage.of_images(view, last_days(by, TODAY), TODAY, exact=exact)

    return asked


@pytest.fixture(params=[5000, 1])
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(images, "_AT_ONCE", request.param)
    return int(request.param)


def test_each_view_has_the_sums_of_its_images(ask: Ask, at_once: int) -> None:
    both, one = view_of(FIRST, OTHER, name="both"), view_of(SECOND, name="one")
    assert verdicts(ask(both)) == {"2026-03-13": 36, "2026-03-14": 50}
    assert verdicts(ask(both, By.MONTH)) == {"2026-02": 100, "2026-03": 86}
    assert verdicts(ask(one)) == {"2026-03-13": 18}
    assert ask(view_of(name="none")).periods == []


def test_strangers_get_tens_of_the_sum_without_today(ask: Ask, at_once: int) -> None:
    every = view_of(FIRST, SECOND, OTHER)
    found = ask(every, exact=False)
    assert verdicts(found) == {"2026-03-13": 50} and found.rounded == ("verdicts", "imports")
    assert verdicts(ask(every, By.MONTH, exact=False)) == {"2026-02": 100, "2026-03": 50}


def test_who_chooses_the_images_gets_tens_of_each(ask: Ask, at_once: int) -> None:
    """Else two views that differ by one image tell its figure to whoever knows the figures of the others."""
    every = view_of(FIRST, SECOND, OTHER, chosen=True)
    assert verdicts(ask(every, exact=False)) == {"2026-03-13": 30}
    assert verdicts(ask(every, By.MONTH, exact=False)) == {"2026-02": 100, "2026-03": 30}
    assert verdicts(ask(every)) == {"2026-03-13": 54, "2026-03-14": 50}


def test_an_image_that_left_the_view_is_in_no_figure_of_it(ask: Ask, moment: list[float]) -> None:
    assert verdicts(ask(view_of(FIRST, OTHER)))["2026-03-13"] == 36
    moment[0] += 300
    assert verdicts(ask(view_of(FIRST))) == {"2026-03-13": 19}


@pytest.fixture
def statements(database: Database) -> Iterator[Sequence[str]]:
    seen: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


def test_sums_are_remembered_for_some_minutes(
    database: Database, ask: Ask, moment: list[float], statements: list[str]
) -> None:
    first = ask(view_of(FIRST, OTHER))
    used(database, TODAY, {OTHER: 1})
    statements.clear()
    assert ask(view_of(FIRST, OTHER)) == first and not statements
    # Who is told other figures is never told those.
    assert verdicts(ask(view_of(FIRST, OTHER), exact=False)) == {"2026-03-13": 30}
    moment[0] += 300
    assert verdicts(ask(view_of(FIRST, OTHER)))["2026-03-14"] == 51
