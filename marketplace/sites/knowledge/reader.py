"""One marketplace as a site reads it: bounded answers, made values. Every answer is hostile until read."""

from __future__ import annotations

import json
import math
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from marketplace.client.answers import get_error
from marketplace.client.errors import ClientError, EntryNotFoundError, TransportError
from marketplace.client.search import cursor_of
from marketplace.client.transport import HttpAnswer, TransferLimits, Transport
from marketplace.sites.errors import KnowledgeError, RefusedQuestionError, UnprovenError
from validators import accept
from validators.document import AcceptedEntry
from validators.errors import RefusedError

#: Rows of a page of changes, the most that a marketplace gives.
PAGE = 1000
#: Images of one lookup, the most that a marketplace takes.
LOOKED_UP = 1000
#: Bytes of answers.
_MOST_PAGE, _MOST_ENTRY, _MOST_LEAVES, _MOST_NOTE = 8 << 20, 1 << 20, 2 << 20, 16 << 10
#: Leaves of a page, and pages of one list: a list that goes on beyond is not believed.
LEAVES, _MOST_PAGES = 1024, 1000
#: Groups whose logs are read, and questions whose last answer is remembered.
_MOST_GROUPS, _MOST_TAGS = 100, 128
_JSON = "application/json"
#: A daemon asks for as long as it runs; each single answer is bounded all the same.
LIMITS = TransferLimits(
    connect_seconds=5,
    silence_seconds=10,
    head_seconds=20,
    total_seconds=60,
    session_seconds=math.inf,
    session_bytes=sys.maxsize,
)


@dataclass(frozen=True, slots=True)
class ListedChange:
    """A row of the list of changes, or of a list of entries, as the marketplace tells it."""

    entry_id: str
    identifier: str
    email: str


@dataclass(frozen=True, slots=True)
class Changes:
    """A page of changes.

    Args:
        size: rows of the whole list.
        following: the sequence to go on from.
    """

    rows: tuple[ListedChange, ...]
    size: int
    following: int


class MarketplaceReader:
    """Reads one marketplace.

    Args:
        token_file: holds the token to show; read anew for each reader.
        wall: seconds since 1970, by our clock.

    Raises:
        KnowledgeError: the token cannot be read.
    """

    def __init__(
        self, url: str, token_file: Path | None = None, wall: Callable[[], float] = time.time
    ) -> None:
        self.url = url
        self._wall = wall
        token = None
        if token_file is not None:
            try:
                token = token_file.read_text("ascii").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise KnowledgeError(f"{token_file}: the token cannot be read ({error})") from None
        self._transport = Transport(url, LIMITS, token=token)
        self._tags: OrderedDict[str, str] = OrderedDict()
        #: The marketplace's clock minus ours at the last answer, in seconds; None where it sends no date.
        self.clock_offset: float | None = None
        #: Requests so far.
        self.requests = 0

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def forget(self) -> None:
        """Ask anew for what was told last: it was not kept."""
        self._tags.clear()

    def changes(self, since: int, limit: int = PAGE, group: str | None = None) -> Changes | None:
        """Rows from a sequence on; None where nothing changed since the last such question.

        Args:
            group: whose log is asked for; None: the public one.

        Raises:
            KnowledgeError: it is not reached. Its cause is an EntryNotFoundError where there is no such log.
        """
        path = f"/api/v1/changes?since={since}&limit={limit}"
        if group is not None:
            path += f"&log={quote(f'group:{group}', safe='')}"
        answer = self._get(path, _JSON, _MOST_PAGE, fresh=True)
        if answer is None:
            return None
        said = _record(answer)
        size, following = _number(said, "size"), _number(said, "next_since")
        rows = tuple(_row(one) for one in _list(said, "changes"))
        if len(rows) > limit or (size > since and following <= since):
            raise KnowledgeError(f"{self.url}: the list of changes does not continue correctly")
        return Changes(rows, size, following)

    def checkpoint(self) -> bytes | None:
        """The signed head of the public log; None where it is the one that was read last."""
        answer = self._get("/fed/v1/logs/public/checkpoint", "text/plain", _MOST_NOTE, fresh=True)
        return None if answer is None else answer.body

    def leaves(self, since: int) -> list[bytes]:
        """Rows of the published log, at most ``LEAVES``."""
        path = f"/fed/v1/logs/public/changes?since={since}&limit={LEAVES}"
        answer = self._get(path, "application/x-ndjson", _MOST_LEAVES)
        assert answer is not None  # noqa: S101  # only fresh questions are answered with None
        rows = answer.body.split(b"\n")
        if rows.pop():
            raise KnowledgeError(f"{self.url}: the page of rows is cut off")
        return rows

    def entry(self, entry_id: str) -> AcceptedEntry | None:
        """An entry by its id, proven; None where the marketplace does not show it.

        Raises:
            KnowledgeError: it is not reached.
            UnprovenError: what it sends is not that entry.
        """
        try:
            path = f"/api/v1/signed/{quote(entry_id, safe='')}"
            answer = self._get(path, "application/rdf+xml", _MOST_ENTRY)
        except KnowledgeError as error:
            if isinstance(error.__cause__, EntryNotFoundError):
                return None
            raise
        assert answer is not None  # noqa: S101  # only fresh questions are answered with None
        try:
            entry = accept(answer.body)
        except RefusedError as error:
            raise UnprovenError(f"{self.url}: entry {entry_id[:16]} is not proven: {error.message}") from None
        if entry.entry_id != entry_id:
            raise UnprovenError(f"{self.url}: another entry came for {entry_id[:16]}")
        return entry

    def current(self, identifiers: Sequence[str]) -> list[ListedChange]:
        """The current entries of every endorser about images, in as few requests as it takes.

        Args:
            identifiers: at most ``LOOKED_UP``.
        """
        found: list[ListedChange] = []
        wanted = set(identifiers)
        while wanted:
            said = _record(self._post("/api/v1/lookup", {"identifiers": sorted(wanted)}))
            rows = [_row(one) for one in _list(said, "entries")]
            found += [row for row in rows if row.identifier in wanted]
            left = said.get("left_out")
            if not isinstance(left, list) or not all(isinstance(one, str) for one in left):
                raise KnowledgeError(f"{self.url}: the lookup does not tell what it left out")
            # Each answer has to bring the end nearer.
            if not wanted > (still := wanted.intersection(left)):
                raise KnowledgeError(f"{self.url}: the lookup leaves out all that was asked for")
            wanted = still
        return found

    def own_groups(self) -> list[str]:
        """The groups whose logs the token may read."""
        found = self._pages("/api/v1/groups", [("limit", "100")], "groups", 1)
        names = [name for one in found if isinstance(name := one.get("name"), str) and 0 < len(name) <= 200]
        return sorted(names)[:_MOST_GROUPS]

    def search(self, question: tuple[tuple[str, str], ...], most: int) -> list[ListedChange]:
        """What a saved search finds, in its order, at most so many entries."""
        words = any(name == "q" for name, _ in question)
        path, member = ("/api/v1/search", "hits") if words else ("/api/v1/entries", "entries")
        found = self._pages(path, [*question, ("limit", "100")], member, most // 100 + 1)
        return [_row(one) for one in found[:most]]

    def groups(self, identifier: str, email: str, created: str) -> frozenset[str]:
        """The groups that keep an entry for themselves; none for a public one."""
        path = f"/api/v1/entries/{quote(f'{identifier}/{email}/{created}', safe='/@:')}"
        answer = self._get(path, _JSON, _MOST_PAGE)
        seen = _record(answer).get("seen_by") if answer is not None else None
        names = [one for one in seen if isinstance(one, str)] if isinstance(seen, list) else []
        return frozenset(one.removeprefix("group:") for one in names if one.startswith("group:"))

    def _pages(
        self, path: str, parameters: list[tuple[str, str]], member: str, most: int
    ) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        cursor: str | None = None
        for _ in range(most):
            given = parameters if cursor is None else [*parameters, ("cursor", cursor)]
            answer = self._get(path, _JSON, _MOST_PAGE, parameters=given)
            assert answer is not None  # noqa: S101  # only fresh questions are answered with None
            said = _record(answer)
            page = _list(said, member)
            found += page
            cursor = cursor_of(said.get("next"))
            if cursor is None or not page:
                break
        return found

    def _get(
        self,
        path: str,
        media_type: str,
        limit: int,
        *,
        parameters: list[tuple[str, str]] | None = None,
        fresh: bool = False,
    ) -> HttpAnswer | None:
        """An answer; with ``fresh`` None where it is the same as the last one."""
        self.requests += 1
        tag = self._tags.get(path) if fresh else None
        try:
            answer = self._transport.get(
                path, accept=media_type, limit=limit, params=_params(parameters), tag=tag
            )
        except TransportError as error:
            raise KnowledgeError(str(error)) from error
        if answer.status == 304 and tag is not None:
            self._note_clock(answer)
            return None
        self._judge_status(answer, path)
        if fresh and "ETag" in answer.headers:
            self._tags[path] = answer.headers["ETag"]
            self._tags.move_to_end(path)
            while len(self._tags) > _MOST_TAGS:
                self._tags.popitem(last=False)
        return answer

    def _post(self, path: str, body: Mapping[str, Any]) -> HttpAnswer:
        self.requests += 1
        data = json.dumps(body).encode()
        try:
            answer = self._transport.post(path, data, content_type=_JSON, accept=_JSON, limit=_MOST_PAGE)
        except TransportError as error:
            raise KnowledgeError(str(error)) from error
        self._judge_status(answer, path)
        return answer

    def _judge_status(self, answer: HttpAnswer, path: str) -> None:
        self._note_clock(answer)
        if answer.status in (404, 410):
            raise KnowledgeError(f"{self.url} has no {path.partition('?')[0]}") from EntryNotFoundError("")
        if answer.status != 200:
            refused: ClientError = get_error(answer)
            kind = RefusedQuestionError if answer.status == 400 else KnowledgeError
            raise kind(f"{self.url}: {refused}", _retry(answer)) from refused

    def _note_clock(self, answer: HttpAnswer) -> None:
        try:
            theirs = parsedate_to_datetime(answer.headers["Date"])
            self.clock_offset = theirs.timestamp() - self._wall()
        except (KeyError, ValueError, TypeError, OverflowError):
            self.clock_offset = None


def _params(
    parameters: list[tuple[str, str]] | None,
) -> list[tuple[str, str | int | float | bool | None]] | None:
    return None if parameters is None else [(name, value) for name, value in parameters]


def _retry(answer: HttpAnswer) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() and len(text) < 6 else None


def _record(answer: HttpAnswer | None) -> Mapping[str, Any]:
    try:
        said = json.loads(answer.body) if answer is not None else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise KnowledgeError("the marketplace's answer is not valid JSON")
    return said


def _list(members: Mapping[str, Any], member: str) -> list[Mapping[str, Any]]:
    found = members.get(member)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise KnowledgeError(f"the marketplace's answer has no {member}")
    return found


def _number(members: Mapping[str, Any], name: str) -> int:
    found = members.get(name)
    if type(found) is not int or not 0 <= found < 2**63:
        raise KnowledgeError(f"the marketplace's answer has no {name}")
    return found


def _row(members: Mapping[str, Any]) -> ListedChange:
    values = [members.get(name) for name in ("id", "identifier", "email")]
    if not all(isinstance(value, str) and 0 < len(value) <= 1000 for value in values):
        raise KnowledgeError("the marketplace's list has a row that is none")
    entry_id, identifier, email = map(str, values)
    return ListedChange(entry_id, identifier, email)
