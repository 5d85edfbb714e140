"""A seed for contextualisation: a small ISO file that cloud-init reads at a machine's first start (NoCloud).

The file is made by a program of the system, because ISO 9660 is none of this project's trades.
Source: cloud-init, datasource NoCloud; the volume is called ``cidata``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from marketplace.sites.errors import SiteError

#: Programs that make such a file, and how each is called; the first that is there is used.
_MAKERS: Final = (("xorriso", ("-as", "mkisofs")), ("genisoimage", ()), ("mkisofs", ()))
_PATIENCE: Final = 60.0
#: Files that cloud-init reads.
_OWN: Final = ("user-data", "meta-data", "vendor-data", "network-config")
#: Bytes of user data: cloud-init itself reads no more from most sources.
MOST_USER_DATA: Final = 1 << 20


class SeedError(SiteError, code="site.seed"):
    """The seed cannot be made."""


def make_seed(
    user_data: bytes,
    instance: str,
    hostname: str,
    target: Path,
    kept: Mapping[str, bytes] = MappingProxyType({}),
) -> None:
    """Write a seed.

    Args:
        kept: files that lie beside those of cloud-init, by their plain names.
        instance: its id; a machine that finds another one than before runs its user data again.

    Raises:
        SeedError: no program can make it, the user data is none, or a file would be there twice.
        OSError: it cannot be written.
    """
    if len(user_data) > MOST_USER_DATA:
        raise SeedError(f"the user data has more than {MOST_USER_DATA} bytes")
    if not user_data.startswith((b"#", b"Content-Type:", b"\x1f\x8b")):
        raise SeedError("the user data begins with no '#cloud-config', '#!' or other mark of cloud-init")
    twice = sorted({name for name in kept if name.lower() in _OWN})
    if twice:
        raise SeedError(f"the context has {', '.join(twice)}, as cloud-init's own files are called")
    maker = next(((name, words) for name, words in _MAKERS if shutil.which(name)), None)
    if maker is None:
        raise SeedError("needs xorriso, genisoimage or mkisofs (Debian: xorriso)")
    # JSON is YAML, and needs no care for what stands in a name.
    meta_data = json.dumps({"instance-id": instance, "local-hostname": hostname}).encode()
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".seed-") as folder:
        files = Path(folder) / "files"
        files.mkdir()
        for file, data in {**kept, "user-data": user_data, "meta-data": meta_data}.items():
            (files / file).write_bytes(data)
        made = Path(folder) / "seed.iso"
        name, words = maker
        done = subprocess.run(  # noqa: S603  # an argument list of ours
            [name, *words, "-quiet", "-output", str(made), "-volid", "cidata", "-joliet", "-rock",
             str(files)],
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )  # fmt: skip
        if done.returncode != 0 or not made.is_file():
            raise SeedError(f"{name} failed: {done.stderr.decode('utf-8', 'replace').strip()[-300:]}")
        # It may hold passwords.
        made.chmod(0o600)
        made.replace(target)
