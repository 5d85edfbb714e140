"""What LXD and Incus need of a virtual machine image beside its disk, and what an entry says of it.

They take a disk from a list only together with a metadata archive, and name the image by one digest over
the bytes of both. The archive made here depends on nothing but the architecture, and its bytes never change:
entries are signed with digests of it.

Source: the image format of LXD, "Split tarball", and ``shared/simplestreams`` of LXD and Incus.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from dataclasses import dataclass
from functools import cache
from typing import Final, Self

from validators.document import Metadata

#: Namespace of the extension, and the prefix it is written with.
IMAGE_FORMAT: Final = "https://documentation.ubuntu.com/lxd/latest/reference/image_format/#"
PREFIX: Final = "lxd"
#: Clark name of the extension: ``ARCHITECTURE:SHA-256``.
FINGERPRINT: Final = f"{{{IMAGE_FORMAT}}}fingerprint"
#: The only format of disks that LXD and Incus take.
DISK_FORMAT: Final = "qcow2"

#: Names in use for the architectures on which virtual machines are supported -> as LXD has them.
_ARCHITECTURES: Final = {
    "x86_64": "x86_64",
    "x86-64": "x86_64",
    "amd64": "x86_64",
    "aarch64": "aarch64",
    "arm64": "aarch64",
    "ppc64le": "ppc64le",
    "ppc64el": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
}
_SAID: Final = re.compile(f"({'|'.join(sorted(set(_ARCHITECTURES.values())))}):([0-9a-f]{{64}})")
#: A block of a tar archive, and what ends one (POSIX.1-1988, ustar).
_BLOCK: Final = 512
_END: Final = bytes(2 * _BLOCK)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The name that LXD and Incus have for an image.

    Args:
        architecture: of the metadata archive, as LXD has it.
        digest: SHA-256 of the bytes of the archive and then of the disk, in small hex digits.
    """

    architecture: str
    digest: str

    def __str__(self) -> str:
        """As entries write it."""
        return f"{self.architecture}:{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what an entry says; None where that is something else."""
        found = _SAID.fullmatch(text.strip())
        return None if found is None else cls(found[1], found[2])


def find_architecture(name: str) -> str | None:
    """The name that LXD has for an architecture; None where it starts no virtual machines on it."""
    return _ARCHITECTURES.get(name.strip().lower())


def architectures() -> tuple[str, ...]:
    """The architectures that there is a metadata archive for."""
    return tuple(sorted(set(_ARCHITECTURES.values())))


@cache
def metadata_archive(architecture: str) -> bytes:
    """The metadata archive: one file, which tells the architecture.

    LXD wants a date of creation, which the same disk has twice where it is endorsed twice: it is the first
    second there is. Lists tell the date of the endorsement.

    Args:
        architecture: as LXD has it.
    """
    text = f"architecture: {architecture}\ncreation_date: 1\n".encode()
    told = tarfile.TarInfo("metadata.yaml")
    told.size, told.mode = len(text), 0o644
    return told.tobuf(tarfile.USTAR_FORMAT) + text.ljust(_BLOCK, b"\0") + _END


def fingerprint_of(architecture: str, disk: bytes) -> Fingerprint:
    """The fingerprint of a disk that is in memory."""
    return Fingerprint(architecture, hashlib.sha256(metadata_archive(architecture) + disk).hexdigest())


def find_fingerprint(metadata: Metadata) -> Fingerprint | None:
    """The fingerprint that an entry gives, where it fits the rest of what the entry says.

    Without one, or with several, or for another architecture or format there is none: LXD and Incus would
    refuse the download.
    """
    given = [Fingerprint.parse(one.text) for one in metadata.extensions if one.name == FINGERPRINT]
    only = given[0] if len(given) == 1 else None
    fits = only is not None and only.architecture == find_architecture(metadata.os_arch or "")
    return only if fits and (metadata.format or "").strip().lower() == DISK_FORMAT else None
