"""The judge of a peer's log: honest logs come in whole, however paged; every lie is found on that pull."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.tlog.errors import MissingRowsError, TooManyRowsError
from marketplace.tlog.following import (
    EMPTY,
    ForeignLogError,
    IntegrityError,
    RollbackError,
    SplitViewError,
    TrustedLog,
    WrongRootError,
    judge_head,
    judge_page,
)
from marketplace.tlog.leaf import MAX_LEAF, EntryLeaf
from marketplace.tlog.merkle import hash_leaf
from tests.unit.peers.logs import ORIGIN, head, note, row, rows

NEW = TrustedLog(ORIGIN)


def followed(log: TrustedLog, sent: list[bytes], cuts: list[int]) -> TrustedLog:
    """The log after these rows came in pages of these sizes."""
    at = 0
    for cut in [*cuts, len(sent)]:
        page, at = sent[at : at + cut], at + cut
        if page:
            log = judge_page(log, page).log
    return log


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=4),
    st.lists(st.integers(1, 40), max_size=20),
)
def test_an_honest_log_comes_in_whole_however_it_is_paged(growths: list[int], cuts: list[int]) -> None:
    log, sent = NEW, rows(sum(growths))
    size = 0
    for growth in growths:
        before, size = size, size + growth
        log = judge_head(log, head(sent[:size]))
        log = followed(log, sent[before:size], cuts)
        assert log.behind == 0
        assert log.proven == log.reached == EMPTY.extended(map(hash_leaf, sent[:size]))


LIES = ("drop", "repeat", "swap", "alter", "invent")


@given(st.integers(2, 60), st.sampled_from(LIES), st.data())
def test_every_altered_run_of_rows_is_found_and_leads_back(size: int, lie: str, data: st.DataObject) -> None:
    honest = rows(size)
    proven = data.draw(st.integers(0, size - 2))
    at = data.draw(st.integers(proven, size - 2))
    sent = list(honest)
    if lie == "drop":
        sent = [*sent[:at], *sent[at + 1 :], row(size)]
    elif lie == "repeat":
        sent[at + 1] = sent[at]
    elif lie == "swap":
        sent[at], sent[at + 1] = sent[at + 1], sent[at]
    elif lie == "alter":
        sent[at] = sent[at].replace(b'"n":7', b'"n":8')
    else:
        sent[at] = row(1000 + at)
    log = followed(judge_head(NEW, head(honest[:proven])), honest[:proven], []) if proven else NEW
    log = judge_head(log, head(honest))
    cuts = data.draw(st.lists(st.integers(1, size), max_size=5))
    with pytest.raises(WrongRootError) as found:
        followed(log, sent[proven:], cuts)
    assert found.value.first == note(head(honest))
    assert log.proven == EMPTY.extended(map(hash_leaf, honest[:proven]))


def test_what_went_before_a_lie_can_be_told_again() -> None:
    honest = rows(5)
    log = judge_head(NEW, head(honest))
    wrong = judge_page(log, [row(99), *honest[1:3]]).log
    assert wrong.proven == EMPTY
    with pytest.raises(WrongRootError):
        judge_page(wrong, honest[3:])
    assert judge_page(log, honest).log.proven.size == 5


def test_a_smaller_checkpoint_is_evidence() -> None:
    log = judge_head(NEW, head(rows(5)))
    with pytest.raises(RollbackError) as found:
        judge_head(log, head(rows(4)))
    assert (found.value.first, found.value.second) == (note(head(rows(5))), note(head(rows(4))))


def test_two_roots_for_one_size_are_evidence() -> None:
    log = judge_head(NEW, head(rows(5)))
    with pytest.raises(SplitViewError) as found:
        judge_head(log, head([*rows(4), row(77)]))
    assert found.value.first == note(head(rows(5)))


def test_a_log_that_was_forked_before_its_cursor_is_found() -> None:
    log = followed(judge_head(NEW, head(rows(3))), rows(3), [])
    forked = [row(50), *rows(6)[1:]]
    log = judge_head(log, head(forked))
    with pytest.raises(WrongRootError):
        judge_page(log, forked[3:])


def test_a_checkpoint_of_another_log_does_not_count() -> None:
    with pytest.raises(ForeignLogError):
        judge_head(NEW, head(rows(3), "mp-c.example/public"))


def test_the_same_checkpoint_again_changes_nothing() -> None:
    log = judge_head(NEW, head(rows(3)))
    assert judge_head(log, head(rows(3))) is log


def test_no_rows_under_a_larger_checkpoint_are_withheld_rows() -> None:
    with pytest.raises(MissingRowsError):
        judge_page(judge_head(NEW, head(rows(3))), [])


def test_more_rows_than_were_signed_are_not_taken() -> None:
    with pytest.raises(TooManyRowsError):
        judge_page(judge_head(NEW, head(rows(3))), rows(4))
    with pytest.raises(TooManyRowsError):
        judge_page(NEW, rows(1))


def test_a_row_that_is_too_long_and_stands_in_the_signed_tree_is_passed_over() -> None:
    long = [row(1, o="x" * MAX_LEAF), row(2)]
    page = judge_page(judge_head(NEW, head(long)), long)
    assert page.log.proven.size == 2
    assert page.leaves[0] is None and page.leaves[1] is not None
    with pytest.raises(WrongRootError):
        judge_page(judge_head(NEW, head(rows(2))), long)


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"[]",
        b"[" * 900,
        b"\xff",
        b"{",
        row(1, v=2),
        row(1, v=True),
        row(1, id="A" * 64),
        row(1, id="a" * 63),
        row(1, id="a" * 64 + "\n"),
        row(1, n=-1),
        row(1, n=True),
        row(1, n=2**63),
        row(1, q="1"),
        row(1, o=3),
        b'{"v":NaN}',
    ],
)
def test_an_odd_row_is_part_of_the_tree_and_has_no_meaning(odd: bytes) -> None:
    sent = [row(0), odd, row(2)]
    page = judge_page(judge_head(NEW, head(sent)), sent)
    assert page.log.proven.size == 3
    assert [isinstance(leaf, EntryLeaf) for leaf in page.leaves] == [True, False, True]


def test_integrity_errors_have_codes_of_their_own() -> None:
    codes = [error.code for error in (ForeignLogError, RollbackError, SplitViewError, WrongRootError)]
    assert len({IntegrityError.code, *codes}) == 5


def test_after_a_release_what_was_proven_still_holds() -> None:
    log = replace(followed(judge_head(NEW, head(rows(3))), rows(3), []), newest=None)
    with pytest.raises(RollbackError):
        judge_head(log, head(rows(2)))
    with pytest.raises(SplitViewError):
        judge_head(log, head([*rows(2), row(9)]))
    assert judge_head(log, head(rows(3))).behind == 0
    assert judge_head(log, head(rows(8))).behind == 5
