"""The session in docs/publishing.md is what a terminal shows."""

from tests.recording import PAGE, record, recorded


def test_the_recorded_session_is_what_happens() -> None:
    assert record() == recorded(PAGE.read_text(encoding="utf-8")), "run python -m tests.recording"
