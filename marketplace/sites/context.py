"""A seed for contextualisation: a small ISO file that cloud-init reads at a machine's first start (NoCloud).

The file is made by a program of the system, because ISO 9660 is none of this project's trades.
Source: cloud-init, datasource NoCloud; the volume is called ``cidata``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from marketplace.sites.errors import SiteError

#: Programs that make such a file, and how each is called; the first that is there is used.
_MAKERS: Final = (("xorriso", ("-as", "mkisofs")), ("genisoimage", ()), ("mkisofs", ()))
_PATIENCE: Final = 60.0
#: Bytes of user data: cloud-init itself reads no more from most sources.
MOST_USER_DATA: Final = 1 << 20


class SeedError(SiteError):
    """The seed cannot be made."""

    code = "site.seed"


def make_seed(user_data: bytes, instance: str, hostname: str, target: Path) -> None:
    """Write a seed.

    Args:
        instance: its id; a machine that finds another one than before runs its user data again.

    Raises:
        SeedError: no program can make it, or the user data is none.
        OSError: it cannot be written.
    """
    if len(user_data) > MOST_USER_DATA:
        raise SeedError(f"the user data has more than {MOST_USER_DATA} bytes")
    if not user_data.startswith((b"#", b"Content-Type:", b"\x1f\x8b")):
        raise SeedError("the user data begins with no '#cloud-config', '#!' or other mark of cloud-init")
    maker = next(((name, words) for name, words in _MAKERS if shutil.which(name)), None)
    if maker is None:
        raise SeedError("needs xorriso, genisoimage or mkisofs (Debian: xorriso)")
    # JSON is YAML, and needs no care for what stands in a name.
    meta_data = json.dumps({"instance-id": instance, "local-hostname": hostname}).encode()
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".seed-") as folder:
        (Path(folder) / "user-data").write_bytes(user_data)
        (Path(folder) / "meta-data").write_bytes(meta_data)
        made = Path(folder) / "seed.iso"
        name, words = maker
        done = subprocess.run(  # noqa: S603  # an argument list of ours
            [name, *words, "-quiet", "-output", str(made), "-volid", "cidata", "-joliet", "-rock",
             str(Path(folder) / "user-data"), str(Path(folder) / "meta-data")],
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )  # fmt: skip
        if done.returncode != 0 or not made.is_file():
            raise SeedError(f"{name} failed: {done.stderr.decode('utf-8', 'replace').strip()[-300:]}")
        # It may hold passwords.
        made.chmod(0o600)
        made.replace(target)
