"""The file: a tar archive of plain files, so that tools of every system can look into it."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from marketplace.evidence.errors import EvidenceError
from marketplace.evidence.recipe import RECIPE
from validators.document import format_time
from validators.times import parse_time

FORMAT: Final = "marketplace-evidence/1"
#: Bytes of a whole file, and files in it.
MAX_BUNDLE, MAX_FILES = 64 << 20, 1000
_INDEX: Final = "evidence.json"
_ENTRY, _ANCHORS, _BETWEEN, _LISTS = "entry.xml", "anchors.pem", "intermediates.pem", "revocation.pem"
_SIGNER: Final = "signer.pem"
_RECEIPT, _VERDICT, _RECIPE = "receipt.txt", "verdict.json", "RECIPE.txt"
_STATEMENT: Final = re.compile(r"statements/([0-9a-f]{64})\.xml")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the site knew of a statement beside the signed entry."""

    entry_id: str
    confirmed: bool
    groups: tuple[str, ...]
    equivocal: bool


@dataclass(frozen=True)
class EvidenceBundle:
    """What a marketplace said of an image at a moment, with everything that it went by.

    Args:
        at: the moment.
        site: the marketplace's URL.
        entry: the signed entry that somebody asked about.
        signer: the certificate that signed it, in PEM.
        statements: the current signed entries about its image, by entry id.
        circumstances: of each of them.
        allowed: the verdict on the image.
        whole: whether nothing else counted; a site's filter may hide a withdrawal that does.
        policy: of the site about certificates, by name.
        anchors, intermediates, lists: certificates and revocation lists that were looked at, in PEM; the
            signer's own is among the intermediates.
        receipt: the proof that the entry stands in the log, with signatures of witnesses; None: it does not.
        log_key: of that log; None without a receipt.
        verdict: as the API tells it.
    """

    at: datetime
    site: str
    identifier: str
    entry_id: str
    entry: bytes
    signer: bytes
    statements: Mapping[str, bytes]
    circumstances: tuple[Circumstances, ...]
    allowed: bool
    whole: bool
    policy: Mapping[str, Any]
    anchors: bytes
    intermediates: bytes
    lists: bytes
    verdict: bytes
    receipt: bytes | None = None
    log_key: str | None = None
    gaps: tuple[str, ...] = field(default=())

    def to_bytes(self) -> bytes:
        """The file; the same for the same evidence."""
        told = {
            "format": FORMAT,
            "at": format_time(self.at),
            "site": self.site,
            "identifier": self.identifier,
            "entry": self.entry_id,
            "allowed": self.allowed,
            "whole": self.whole,
            "policy": dict(self.policy),
            "gaps": list(self.gaps),
            "log_key": self.log_key,
            "statements": [asdict(one) for one in self.circumstances],
        }
        files = {
            _RECIPE: RECIPE.encode(),
            _INDEX: json.dumps(told, ensure_ascii=False, indent=1).encode() + b"\n",
            _ENTRY: self.entry,
            _SIGNER: self.signer,
            _ANCHORS: self.anchors,
            _BETWEEN: self.intermediates,
            _LISTS: self.lists,
            _VERDICT: self.verdict,
            **({} if self.receipt is None else {_RECEIPT: self.receipt}),
            **{f"statements/{name}.xml": data for name, data in sorted(self.statements.items())},
        }
        written = io.BytesIO()
        with tarfile.open(fileobj=written, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size, member.mtime, member.mode = len(data), int(self.at.timestamp()), 0o644
                archive.addfile(member, io.BytesIO(data))
        return written.getvalue()


def parse_evidence(data: bytes) -> EvidenceBundle:
    """Read a file.

    Raises:
        EvidenceError: it is none.
    """
    files = _files(data)
    try:
        told = json.loads(files[_INDEX])
        if told["format"] != FORMAT or not all(isinstance(told[name], bool) for name in ("allowed", "whole")):
            raise ValueError
        return EvidenceBundle(
            at=parse_time(told["at"]),
            site=str(told["site"]),
            identifier=str(told["identifier"]),
            entry_id=str(told["entry"]),
            entry=files[_ENTRY],
            signer=files[_SIGNER],
            statements={
                found[1]: body for name, body in files.items() if (found := _STATEMENT.fullmatch(name))
            },
            circumstances=tuple(map(_circumstances, told["statements"])),
            allowed=told["allowed"],
            whole=told["whole"],
            policy=dict(told["policy"]),
            gaps=tuple(map(str, told["gaps"])),
            anchors=files[_ANCHORS],
            intermediates=files[_BETWEEN],
            lists=files[_LISTS],
            verdict=files[_VERDICT],
            receipt=files.get(_RECEIPT),
            log_key=None if told["log_key"] is None else str(told["log_key"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise EvidenceError("this is not evidence of a marketplace, or a part is missing") from None


def _circumstances(members: Any) -> Circumstances:
    if not isinstance(members["confirmed"], bool) or not isinstance(members["equivocal"], bool):
        raise ValueError
    groups = tuple(map(str, members["groups"]))
    return Circumstances(str(members["entry_id"]), members["confirmed"], groups, members["equivocal"])


def _files(data: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isreg() else None
                if file is None or member.name in found or len(found) == MAX_FILES:
                    raise EvidenceError("the archive has a file that does not belong to evidence")
                found[member.name] = file.read()
    except (tarfile.TarError, OSError, ValueError) as error:
        raise EvidenceError(f"this is not an archive: {error}") from None
    return found
