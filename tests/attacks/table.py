"""Writes docs/attacks.md: ``python -m tests.attacks.table``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.attacks.catalogue import ATTACKS

PAGE = Path(__file__).parent.parent.parent / "docs" / "attacks.md"

_HEAD = """\
# Hostile documents

The test suite makes every document of this page itself (`tests/attacks`) and sends it four ways:
to acceptance, over HTTP to a running server, through `marketplace import`, and as bytes that
somebody put into the store, where `marketplace fsck` must find them. Each has to be refused for
the reason that belongs to it, with no error of any other kind, within half a second of CPU time.

What needs anchors and revocation lists (revoked certificates, path lengths, name constraints) is
no part of acceptance and is not counted here.

This page is written by `python -m tests.attacks.table`; a test keeps it true.

| class | documents | refused with |
| --- | --- | --- |
"""


def page() -> str:
    """The page as it ought to be."""
    kinds: dict[str, Counter[str]] = {}
    for attack in ATTACKS:
        kinds.setdefault(attack.kind, Counter())[attack.code] += 1
    rows = [f"| {kind} | {codes.total()} | {_codes(codes)} |\n" for kind, codes in kinds.items()]
    return f"{_HEAD}{''.join(rows)}| **all** | **{len(ATTACKS)}** | {len(_all_codes())} codes |\n"


def _codes(codes: Counter[str]) -> str:
    return ", ".join(f"`{code}` {count}" for code, count in sorted(codes.items()))


def _all_codes() -> set[str]:
    return {attack.code for attack in ATTACKS}


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
