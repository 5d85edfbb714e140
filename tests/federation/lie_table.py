"""Writes the table of lies into docs/federation.md: ``python -m tests.federation.lie_table``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from marketplace.peers.errors import PeerError
from marketplace.peers.model import PullState
from marketplace.tlog.following import IntegrityError
from tests.federation.lies import EVERY, NUDGES, Lie

PAGE = Path(__file__).parent.parent.parent / "docs" / "federation.md"
BEGIN = "<!-- lies: written by tests/federation/lie_table.py -->\n"
END = "<!-- end of lies -->\n"
_NUDGES = (
    f"| {NUDGES} | notes of unknown logs are refused (404), known heads cost no write (409); "
    "pulls are a second apart at most while nothing new comes | as it was | | |\n"
)


def table() -> str:
    """One row for each lie."""
    head = "| a peer that | is found by | state | kept | alerts |\n| --- | --- | --- | --- | --- |\n"
    return head + "".join(_row(lie) for lie in EVERY) + _NUDGES


def page() -> str:
    """The page as it ought to be."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.split(END)[1]}"


def _row(lie: Lie) -> str:
    how = f"{lie.how or _meaning(lie.code)}{f' (`{lie.code}`)' if lie.code else ''}"
    alerts = ", ".join(f"`{alert}`" for alert in lie.alerts)
    return f"| {lie.name} | {how} | `{lie.state.value}` | {'; '.join(_kept(lie))} | {alerts} |\n"


def _meaning(code: str) -> str:
    """What an error says of itself, as the part of a sentence."""
    kinds = (*_kinds(PeerError), *_kinds(IntegrityError))
    (said,) = {(kind.__doc__ or "").partition("\n")[0].rstrip(".") for kind in kinds if kind.code == code}
    said = said.partition(":")[0]
    return said[0].lower() + said[1:]


def _kinds(of: type[PeerError] | type[IntegrityError]) -> Iterator[type[PeerError] | type[IntegrityError]]:
    yield of
    for kind in of.__subclasses__():
        yield from _kinds(kind)


def _kept(lie: Lie) -> Iterator[str]:
    if lie.evidence:
        yield "what it signed, as evidence"
    if lie.wanted:
        yield "its rows, as wanted"
    if lie.erased:
        yield "its rows, as erased there"
    if lie.rejected:
        yield "the rows, as rejected, with the reason"
    if lie.state is PullState.BACKOFF:
        yield "code and reason of the last failure"
    for question in lie.faults:
        yield f"fault of its {question}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
