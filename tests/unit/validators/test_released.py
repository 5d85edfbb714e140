"""A refusal holds nothing of the document but its message: documents and their trees are megabytes."""

from __future__ import annotations

import contextlib
import gc

import pytest

from tests.attacks.catalogue import ATTACKS, documents
from tests.attacks.forging import Attack
from validators import accept, examine
from validators.errors import RefusedError
from validators.pipeline import accept as the_function


def refuse(data: bytes) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        accept(data)
    return caught.value


def frames_of(error: BaseException) -> list[str]:
    """The names of the functions behind this one that a traceback holds."""
    names, link = [], error.__traceback__
    while link is not None:
        names.append(link.tb_frame.f_code.co_name)
        link = link.tb_next
    return names


@pytest.mark.parametrize("attack", [pytest.param(one, id=one.name) for one in ATTACKS[::25]])
def test_a_refusal_holds_no_frame_of_a_step_and_no_other_error(attack: Attack) -> None:
    refusal = refuse(attack.build())
    assert frames_of(refusal)[-1] == the_function.__name__
    assert (refusal.__cause__, refusal.__context__) == (None, None)


def test_a_report_holds_no_frame() -> None:
    refusal = examine(b"<a/>").refusal
    assert refusal is not None and refusal.__traceback__ is None


def test_refusals_leave_no_work_for_the_garbage_collector() -> None:
    many = [data for _, data in documents()[::3]]
    gc.collect()
    gc.disable()
    try:
        for data in many:
            with contextlib.suppress(RefusedError):  # most are refused; what they leave is the question
                accept(data)
        assert gc.collect() == 0
    finally:
        gc.enable()
