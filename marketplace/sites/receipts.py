"""Receipts that a site owes marketplaces: signed in the transaction of their reason, and sent later.

A receipt goes to the marketplace that showed the entry, and to no other: an entry may be private.
It never tells what people at the site said. What was refused is not sent again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from marketplace.client.answers import get_error
from marketplace.client.errors import TransportError
from marketplace.client.transport import TransferLimits, Transport
from marketplace.moments import counted
from marketplace.receipts import (
    MOST_RECEIPTS,
    Finding,
    Receipt,
    ReceiptFormatError,
    ReceiptOutcome,
    parse_answer,
    sign_receipt,
    write_request,
)
from marketplace.receipts.receipt import MAX_REASON
from marketplace.sites.settings import SiteTable
from marketplace.sites.site_key import read_site_key
from marketplace.sites.state import Copy, State
from marketplace.tlog.note import SigningKey

log = logging.getLogger(__name__)

#: Seconds until receipts that could not be sent are sent again; the last one from then on.
PAUSES: Final = (30.0, 120.0, 600.0, 3600.0)
#: Seconds that receipts are kept which nobody takes.
KEPT: Final = 30 * 86_400.0
_LIMITS: Final = TransferLimits(
    connect_seconds=5, silence_seconds=10, head_seconds=20, total_seconds=30, session_seconds=60
)
_MOST_ANSWER: Final = 1 << 20


class _NotTakenError(Exception):
    """A marketplace does not take receipts now; the message says why."""


@dataclass
class _Pause:
    until: float = 0.0
    failures: int = 0
    reason: str = ""


class Receipts:
    """What is owed to marketplaces. ``put`` is safe to share between threads, ``send`` is for one.

    Args:
        wall: seconds since 1970.

    Raises:
        SiteKeyError: the key cannot be read, or is another site's.
    """

    def __init__(self, table: SiteTable, state: State, wall: Callable[[], float]) -> None:
        self._state = state
        self._wall = wall
        self._site = table.name
        self._kinds = {one.name: one.type for one in table.store}
        self._key: SigningKey | None = None
        self._tokens: dict[str, Path] = {}
        self._pauses: dict[str, _Pause] = {}
        if table.receipts is not None:
            self._key = read_site_key(table.receipts.key_file, table.name)
            to = table.receipts.to
            self._tokens = {
                one.url: one.token_file
                for one in table.marketplace
                if one.token_file is not None and (not to or one.url in to)
            }

    def put(
        self,
        finding: Finding,
        copy: Copy,
        *,
        location: str | None = None,
        reason: str | None = None,
        sha512: str | None = None,
    ) -> None:
        """Owe a receipt about a copy; inside a transaction it is part of that.

        Args:
            location: that it is about.
            reason: for people at the marketplace and for the endorser: nothing that is the site's own affair.
            sha512: of what was measured, in hex.
        """
        url = None if self._key is None else self._state.evidence.source(copy.entry_id)
        if self._key is None or url not in self._tokens:
            return
        now = self._wall()
        receipt = Receipt(
            site=self._site,
            entry_id=copy.entry_id,
            identifier=copy.identifier,
            finding=finding,
            at=datetime.fromtimestamp(int(now), UTC),
            store=copy.store,
            kind=self._kinds[copy.store],
            sha512=sha512,
            location=location,
            reason=_clause(reason),
        )
        try:
            data = sign_receipt(receipt, self._key)
        except ReceiptFormatError as error:
            # A strange address of a stranger's entry must not keep an import back.
            log.info("no receipt about %s: %s", copy.identifier, error)
            return
        with self._state.database.write():
            self._state.database.run("INSERT INTO receipt (url, at, data) VALUES (?, ?, ?)", (url, now, data))

    def count(self) -> int:
        """The number of receipts that are owed."""
        return int(self._state.database.rows("SELECT count(*) FROM receipt")[0][0])

    def send(self) -> int:
        """Send what is owed to each marketplace.

        Returns:
            how many were taken or refused.
        """
        now, done = self._wall(), 0
        if self._key is None or not self.count():
            return 0
        with self._state.database.write():
            # Also what is owed to marketplaces that are no longer told anything.
            self._state.database.run("DELETE FROM receipt WHERE at < ?", (now - KEPT,))
        for url, token_file in self._tokens.items():
            pause = self._pauses.setdefault(url, _Pause())
            if now < pause.until:
                continue
            try:
                done += self._send_all(url, token_file, self._key)
            except (_NotTakenError, ReceiptFormatError, TransportError, OSError, UnicodeDecodeError) as error:
                self._wait(url, pause, str(error))
            else:
                self._pauses[url] = _Pause()
        return done

    def _send_all(self, url: str, token_file: Path, key: SigningKey) -> int:
        done = 0
        transport: Transport | None = None
        try:
            while rows := self._state.database.rows(
                "SELECT id, data FROM receipt WHERE url = ? ORDER BY id LIMIT ?", (url, MOST_RECEIPTS)
            ):
                if transport is None:
                    transport = Transport(url, _LIMITS, token=token_file.read_text("ascii").strip())
                self._send_some(url, transport, key, [(row["id"], bytes(row["data"])) for row in rows])
                done += len(rows)
        finally:
            if transport is not None:
                transport.close()
        return done

    def _send_some(
        self, url: str, transport: Transport, key: SigningKey, owed: list[tuple[int, bytes]]
    ) -> None:
        answer = transport.post(
            "/api/v1/receipts",
            write_request(key.verifier, [data for _, data in owed]),
            content_type="application/json",
            accept="application/json",
            limit=_MOST_ANSWER,
        )
        if answer.status != 200:
            remedy = "; the token needs the scope site" if answer.status in (401, 403, 404) else ""
            raise _NotTakenError(f"{url}: {get_error(answer)}{remedy}")
        results = parse_answer(answer.body, len(owed))
        refused = Counter(
            (one.code or "refused", _clause(one.message) or "no reason is told")
            for one in results
            if one.outcome is ReceiptOutcome.REFUSED
        )
        with self._state.database.write():
            for number, _ in owed:
                self._state.database.run("DELETE FROM receipt WHERE id = ?", (number,))
            for (code, message), times in refused.items():
                self._state.history.note(
                    self._wall(), "receipts refused", f"{url}: {times} with {code}: {message}"
                )
        for (code, message), times in refused.items():
            log.warning("%s refuses %s with %s: %s", url, counted(times, "receipt"), code, message)

    def _wait(self, url: str, pause: _Pause, reason: str) -> None:
        if reason != pause.reason:
            log.warning("receipts wait: %s", reason)
            self._state.history.note(self._wall(), "receipts wait", reason)
        pause.until = self._wall() + PAUSES[min(pause.failures, len(PAUSES) - 1)]
        pause.failures += 1
        pause.reason = reason


def sha512_of(copy: Copy) -> str | None:
    """The SHA-512 of a copy in hex, where it is known by that."""
    return copy.digest.partition("sha512:")[2] or None


def _clause(text: str | None) -> str | None:
    """A text that a receipt can carry."""
    kept = " ".join("".join(c if c.isprintable() else " " for c in text or "").split())
    return kept[:MAX_REASON] or None
