"""Remembered answers: used while they hold, and not a second longer."""

from __future__ import annotations

import pytest

from marketplace.entries.answer_cache import AnswerCache, Lifetime

SIZES = ((1, 10),)


class Question:
    def __init__(self, cache: AnswerCache[int]) -> None:
        self.cache = cache
        self.computed = 0

    def ask(self, sizes: tuple[tuple[int, int], ...] = SIZES, now: int = 150, question: str = "q") -> int:
        def compute() -> tuple[Lifetime, int]:
            self.computed += 1
            return Lifetime(SIZES, 100, 200), self.computed

        return self.cache.get(question, sizes, now, compute)


@pytest.mark.parametrize("now", [100, 150, 200])
def test_an_answer_is_remembered_while_it_holds(now: int) -> None:
    question = Question(AnswerCache())
    question.ask()
    assert (question.ask(now=now), question.computed) == (1, 1)


@pytest.mark.parametrize(("sizes", "now"), [(SIZES, 99), (SIZES, 201), (((1, 11),), 150), ((), 150)])
def test_an_answer_that_no_longer_holds_is_computed_again(
    sizes: tuple[tuple[int, int], ...], now: int
) -> None:
    question = Question(AnswerCache())
    question.ask()
    assert (question.ask(sizes, now), question.computed) == (2, 2)


def test_the_least_recently_used_answer_goes_first() -> None:
    question = Question(AnswerCache(capacity=2))
    for asked in ("a", "b", "a", "c", "a", "b"):
        question.ask(question=asked)
    assert question.computed == 4  # a, b, c, and b again
