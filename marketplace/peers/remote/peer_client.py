"""Speaks a peer's feed: asks for checkpoints, rows and bodies, and takes only answers of their form."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from marketplace.peers.errors import MalformedError, UnexpectedAnswerError
from marketplace.peers.limits import KIB, MIB, PAGE_BYTES
from marketplace.peers.remote.reader import PeerAnswer, PeerReader, parse_json
from marketplace.tlog.checkpoint import SignedCheckpoint, verify_checkpoint
from marketplace.tlog.encoding import HASH_SIZE
from marketplace.tlog.errors import CheckpointError, NoteFormatError, NoteSignatureError, TileError
from marketplace.tlog.following import ForeignLogError, UnsignedError
from marketplace.tlog.leaf import MAX_LEAF
from marketplace.tlog.note import MAX_NOTE, VerifierKey
from marketplace.tlog.tiles import WIDTH, TileName, split_bodies, split_bundle, split_hashes

TEXT, LINES, BINARY, JSON = (
    "text/plain",
    "application/x-ndjson",
    "application/octet-stream",
    "application/json",
)

#: Rows asked for at once.
MAX_ROWS = 1024
#: Ids asked for at once.
MAX_IDS = 256
#: Bytes of a whole bundle of rows, and of bodies: 256 entries of the largest size are more, and nobody sends
#: those at once.
MAX_ROW_BUNDLE = WIDTH * (MAX_LEAF + 2)
#: Bytes of the longest row that a log can hold (C2SP tlog-tiles): no leaf, so it is passed over.
LONGEST_ROW = 65_535
MAX_BODY_BUNDLE = 32 * MIB
_MAX_DESCRIPTION = 256 * KIB
#: Heads of others' logs that a peer may tell at once, and bytes of them: one is about 300 bytes long.
MOST_REPORTED = 1024
_MAX_REPORT = MIB
#: Bytes of a list of ids; 4096 of them fit.
_MAX_LISTED = 512 * KIB
_ID_BYTES, _LENGTH_BYTES = 32, 4
_LOG = re.compile(r"[A-Za-z0-9._-]{1,128}")

#: Makes the headers that tell the peer who is asking, or none.
Credentials = Callable[[], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class OfferedLog:
    """A log that a peer shows to this site.

    Args:
        slug: its part of URLs.
        origin: its name among sites.
    """

    slug: str
    origin: str


@dataclass(frozen=True, slots=True)
class Description:
    """What a peer says of itself."""

    site: str
    logs: tuple[OfferedLog, ...]


@dataclass(frozen=True, slots=True)
class PresentedHead:
    """A checkpoint as it came, with the tag to ask for a newer one by."""

    signed: SignedCheckpoint
    tag: str | None


@dataclass(frozen=True, slots=True)
class ReportedHead:
    """A head of somebody else's log, as a peer tells it: nothing of it is verified.

    Args:
        origin: the log that it says to be of.
        note: as it came.
    """

    origin: str
    note: bytes


@dataclass(frozen=True, slots=True)
class HeadsAnswer:
    """What a peer saw of the logs of others, with the tag to ask for more by."""

    heads: tuple[ReportedHead, ...]
    tag: str | None


@dataclass(frozen=True, slots=True)
class Handed:
    """What a peer made of some ids.

    Args:
        bodies: by the ids that it claims for them.
        left: how many ids at the end it left for later.
        erased: ids whose entries it had and erased, as it says.
    """

    bodies: Mapping[str, bytes]
    left: int = 0
    erased: frozenset[str] = frozenset()


def no_credentials() -> Mapping[str, str]:
    """For logs that everybody sees."""
    return {}


class PeerClient:
    """One peer's feed, one request at a time; ``close`` it at the end.

    Args:
        url: the peer's base URL.
        credentials: asked for each request.
    """

    def __init__(self, url: str, credentials: Credentials = no_credentials) -> None:
        self._url = url
        self._reader = PeerReader(url)
        self._credentials = credentials
        #: Bytes read so far, as they came over the network.
        self.received = 0
        #: The peer's clock minus ours at the last answer, in seconds; None where it sends no date.
        self.clock_offset: int | None = None

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()

    def another(self) -> PeerClient:
        """A feed of the same peer with a separate connection, for another thread."""
        return PeerClient(self._url, self._credentials)

    def description(self) -> Description:
        """What the peer says of itself, and which logs it shows."""
        answer = self._get("/.well-known/marketplace-federation", JSON, _MAX_DESCRIPTION)
        said = parse_json(answer.body)
        logs = said.get("logs") if isinstance(said, dict) else None
        if not isinstance(logs, list) or not isinstance(said.get("origin"), str):
            raise MalformedError("the description lacks the site's name or its logs")
        return Description(said["origin"], tuple(_offered(one) for one in logs))

    def head(self, slug: str, key: VerifierKey, tag: str | None) -> PresentedHead | None:
        """A log's newest checkpoint, verified; None where it is the one with that tag.

        Args:
            key: named as the log.

        Raises:
            IntegrityError: the key did not sign it, or it is of another log.
        """
        headers = {} if tag is None else {"If-None-Match": tag}
        answer = self._get(f"/fed/v1/logs/{slug}/checkpoint", TEXT, MAX_NOTE, headers)
        if answer.status == 304:
            if tag is None:
                raise UnexpectedAnswerError("the peer answers 304 Not Modified to a first request")
            return None
        text = answer.body.decode("utf-8", "backslashreplace")
        try:
            signed = verify_checkpoint(answer.body, key)
        except NoteSignatureError as error:
            raise UnsignedError(
                f"the checkpoint is not signed by the peer's key ({error})", second=text
            ) from None
        except CheckpointError as error:
            raise ForeignLogError(
                f"the signed note is not a checkpoint of this log ({error})", second=text
            ) from None
        except NoteFormatError as error:
            raise MalformedError(f"not a signed note: {error}") from None
        return PresentedHead(signed, answer.headers.get("etag"))

    def heads(self, tag: str | None) -> HeadsAnswer | None:
        """The newest heads that the peer saw of the public logs it follows; None where they have that tag.

        Nothing of them is verified yet.
        """
        headers = {} if tag is None else {"If-None-Match": tag}
        answer = self._get("/fed/v1/witness/heads", JSON, _MAX_REPORT, headers)
        if answer.status == 304:
            if tag is None:
                raise UnexpectedAnswerError("the peer answers 304 Not Modified to a first request")
            return None
        said = parse_json(answer.body)
        notes = said.get("heads") if isinstance(said, dict) else None
        if not isinstance(notes, list) or len(notes) > MOST_REPORTED:
            raise MalformedError(f"the heads that the peer saw are not a list of at most {MOST_REPORTED}")
        return HeadsAnswer(tuple(map(_reported, notes)), answer.headers.get("etag"))

    def rows(self, slug: str, since: int, count: int) -> list[bytes]:
        """A log's rows from a sequence on, at most ``count``."""
        path = f"/fed/v1/logs/{slug}/changes?since={since}&limit={count}"
        body = self._get(path, LINES, max(count * (MAX_LEAF + 1), LONGEST_ROW + 1)).body
        if body and not body.endswith(b"\n"):
            raise MalformedError("the page of rows is cut off")
        rows = body[:-1].split(b"\n") if body else []
        if len(rows) > count:
            raise MalformedError(f"{len(rows)} rows came, {count} were requested")
        return rows

    def bodies(self, ids: Sequence[str]) -> Handed:
        """The bodies that the peer has of some entries.

        Args:
            ids: at most MAX_IDS.
        """
        answer = self._note(
            self._reader.post(
                "/fed/v1/bodies",
                json.dumps(list(ids)).encode(),
                BINARY,
                {"Content-Type": JSON, **self._credentials()},
                2 * PAGE_BYTES,
            )
        )
        found = _split_answer(answer.body)
        if not found.keys() <= set(ids):
            raise MalformedError("the peer sends bodies that this site did not request")
        left = answer.headers.get("x-ids-left", "0")
        if re.fullmatch("[0-9]{1,3}", left, re.ASCII) is None or int(left) >= len(ids):
            raise MalformedError("the peer leaves out more ids than this site requested")
        erased = _indices(answer.headers.get("x-ids-erased", ""), len(ids))
        return Handed(found, int(left), frozenset(ids[place] for place in erased) - found.keys())

    def bundle_rows(self, slug: str, number: int) -> list[bytes]:
        """The rows of a whole bundle."""
        path = f"/fed/v1/logs/{slug}/tile/entries/{TileName(number, WIDTH)}"
        return read_row_bundle(self._get(path, BINARY, MAX_ROW_BUNDLE).body)

    def bundle_bodies(self, slug: str, number: int) -> list[bytes]:
        """The bodies of a whole bundle; empty ones stand for what the peer does not hand out."""
        path = f"/fed/v1/logs/{slug}/bodies/{TileName(number, WIDTH)}"
        return read_body_bundle(self._get(path, BINARY, MAX_BODY_BUNDLE).body)

    def tile(self, slug: str, level: int, name: TileName) -> list[bytes]:
        """The hashes of a tile, unproven."""
        path = f"/fed/v1/logs/{slug}/tile/{level}/{name}"
        body = self._get(path, BINARY, name.width * HASH_SIZE).body
        if len(body) != name.width * HASH_SIZE:
            raise MalformedError(f"a tile of {name.width} hashes has {len(body)} bytes")
        return split_hashes(body)

    def digests(self, slug: str, prefix: str, known: str) -> dict[str, str] | None:
        """The digests of a log's parts by two further digits of the ids; None where the whole is as known.

        Args:
            prefix: of the ids: nothing or two hex digits.
            known: the digest that the whole would have if it were as here; may be empty.
        """
        path = f"/fed/v1/logs/{slug}/digest" + (f"/{prefix}" if prefix else "")
        headers = {"If-None-Match": f'"{known}"'} if known else {}
        answer = self._get(path, JSON, 64 * KIB, headers)
        if answer.status == 304:
            return None
        said = parse_json(answer.body)
        parts = said.get("parts") if isinstance(said, dict) else None
        if not isinstance(parts, dict) or not all(
            isinstance(value, str) and _is_hex(key, len(prefix) + 2) and key.startswith(prefix)
            for key, value in parts.items()
        ):
            raise MalformedError("the digests do not have two more digits")
        return parts

    def digest_ids(self, slug: str, prefix: str) -> list[str]:
        """The first ids of a log that begin with four hex digits."""
        path = f"/fed/v1/logs/{slug}/digest/{prefix[:2]}/{prefix}"
        said = parse_json(self._get(path, JSON, _MAX_LISTED).body)
        ids = said.get("ids") if isinstance(said, dict) else None
        if not isinstance(ids, list) or not all(
            isinstance(one, str) and _is_hex(one, 64) and one.startswith(prefix) for one in ids
        ):
            raise MalformedError("the ids are not those that this site requested")
        return ids

    def _get(self, path: str, kind: str, limit: int, headers: Mapping[str, str] | None = None) -> PeerAnswer:
        return self._note(self._reader.get(path, kind, {**(headers or {}), **self._credentials()}, limit))

    def _note(self, answer: PeerAnswer) -> PeerAnswer:
        self.received += answer.received
        self.clock_offset = _offset(answer.headers.get("date"))
        return answer


def read_row_bundle(data: bytes) -> list[bytes]:
    """The rows of a whole bundle.

    Raises:
        MalformedError: it is none.
    """
    try:
        return split_bundle(data, WIDTH)
    except TileError as error:
        raise MalformedError(f"not a bundle of rows: {error}") from None


def read_body_bundle(data: bytes) -> list[bytes]:
    """The bodies of a whole bundle; empty ones stand for what is not handed out.

    Raises:
        MalformedError: it is none.
    """
    try:
        return split_bodies(data, WIDTH)
    except TileError as error:
        raise MalformedError(f"not a bundle of bodies: {error}") from None


def fetch_bodies(client: PeerClient, ids: Sequence[str]) -> dict[str, bytes]:
    """The bodies that a peer has of some entries, in as many requests as it takes."""
    return dict(ask_for(client, ids).bodies)


def ask_for(client: PeerClient, ids: Sequence[str]) -> Handed:
    """What a peer makes of some ids, in as many requests as it takes."""
    found: dict[str, bytes] = {}
    erased: set[str] = set()
    rest = list(ids)
    while rest:
        asked, rest = rest[:MAX_IDS], rest[MAX_IDS:]
        handed = client.bodies(asked)
        found |= handed.bodies
        erased |= handed.erased
        rest = asked[len(asked) - handed.left :] + rest
    return Handed(found, erased=frozenset(erased))


def _is_hex(text: str, digits: int) -> bool:
    return re.fullmatch(f"[0-9a-f]{{{digits}}}", text) is not None


def _reported(note: object) -> ReportedHead:
    if not isinstance(note, str) or len(note) > MAX_NOTE:
        raise MalformedError("one of the heads that the peer saw is not a signed note")
    return ReportedHead(note.partition("\n")[0], note.encode("utf-8", "backslashreplace"))


def _offered(said: object) -> OfferedLog:
    slug = said.get("log") if isinstance(said, dict) else None
    origin = said.get("origin") if isinstance(said, dict) else None
    if not isinstance(slug, str) or _LOG.fullmatch(slug) is None or not isinstance(origin, str):
        raise MalformedError("the description has an invalid log")
    if not 0 < len(origin) <= 255 or not origin.isprintable():
        raise MalformedError("the description has a log with an invalid origin")
    return OfferedLog(slug, origin)


def _split_answer(data: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    at = 0
    while at < len(data):
        start = at + _ID_BYTES + _LENGTH_BYTES
        length = int.from_bytes(data[at + _ID_BYTES : start])
        if start > len(data) or start + length > len(data):
            raise MalformedError("the answer with bodies is cut off")
        found[data[at : at + _ID_BYTES].hex()] = data[start : start + length]
        at = start + length
    return found


def _indices(text: str, count: int) -> list[int]:
    """Places in a list of so many, behind commas."""
    if not text:
        return []
    if len(text) > 4 * count or re.fullmatch("[0-9]{1,3}(,[0-9]{1,3})*", text, re.ASCII) is None:
        raise MalformedError("the peer's list of erased entries has invalid places")
    places = [int(one) for one in text.split(",")]
    if max(places) >= count:
        raise MalformedError("the peer lists erased entries that this site did not request")
    return places


def _offset(date: str | None) -> int | None:
    if date is None:
        return None
    try:
        said = parsedate_to_datetime(date)
    except (ValueError, IndexError, OverflowError):
        return None
    if said.tzinfo is None:
        return None
    # No calendar is larger; the database keeps it as a 32-bit number.
    return max(-(2**31), min(2**31 - 1, round((said - datetime.now(UTC)).total_seconds())))
