"""The environment of a handler: vmcatcher's names, and a few of ours. Values come from strangers."""

from __future__ import annotations

from pathlib import Path

from marketplace.sites.state import Copy
from marketplace.sites.verdicts import SiteVerdict
from validators.document import AcceptedEntry
from validators.identifier import stable_id

#: Characters of a value.
MOST_CHARACTERS = 4000
_PREFIX = "VMCATCHER_EVENT_"


def image_environment(
    site: str, copy: Copy, entry: AcceptedEntry | None, verdict: SiteVerdict | None, path: Path | None
) -> dict[str, str]:
    """What a handler is told of an image.

    Args:
        entry: by which it was imported; None where it is not here any more.
        path: of the file, in stores that have one.
    """
    found: dict[str, str | None] = {
        f"{_PREFIX}SL_CHECKSUM_SHA512": copy.digest.partition("sha512:")[2] or None,
        f"{_PREFIX}FILENAME": None if path is None else str(path),
        f"{_PREFIX}HV_SIZE": str(copy.size),
        f"{_PREFIX}HV_FORMAT": copy.format,
        "MARKETPLACE_SITE": site,
        "MARKETPLACE_STORE": copy.store,
        "MARKETPLACE_IDENTIFIER": copy.identifier,
        "MARKETPLACE_REASON": copy.reason if verdict is None or verdict.allowed else verdict.reason,
    }
    if entry is not None:
        said = entry.metadata
        tag = min(said.tags, default="")
        found |= {
            f"{_PREFIX}DC_IDENTIFIER": stable_id(entry.endorser.email, tag or entry.identifier),
            f"{_PREFIX}DC_TITLE": said.title,
            f"{_PREFIX}DC_DESCRIPTION": said.description,
            f"{_PREFIX}HV_URI": next(iter(said.locations), None),
            f"{_PREFIX}HV_FORMAT": copy.format or said.format,
            f"{_PREFIX}HV_VERSION": said.version,
            f"{_PREFIX}HV_HYPERVISOR": said.kind,
            f"{_PREFIX}SL_OS": said.os,
            f"{_PREFIX}SL_OSVERSION": said.os_version,
            f"{_PREFIX}SL_ARCH": said.os_arch,
            f"{_PREFIX}IL_DC_IDENTIFIER": stable_id(entry.endorser.email, ""),
            f"{_PREFIX}AD_MPURI": entry.coordinates.path(),
            f"{_PREFIX}VO": None,
            "MARKETPLACE_ENDORSER": entry.endorser.email,
            "MARKETPLACE_ENTRY": entry.coordinates.path(),
        }
    return {name: clean(value) for name, value in found.items() if value}


def clean(value: str) -> str:
    """A value without control characters, and not endless."""
    return "".join(c if c.isprintable() else " " for c in value)[:MOST_CHARACTERS]
