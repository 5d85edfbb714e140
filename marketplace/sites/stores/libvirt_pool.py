"""A storage pool of libvirt, of type ``dir``: files are placed into its folder, then libvirt looks again.

``virsh`` is called, because the Python binding needs a compiler and is bound to the
system's Python; no copy of an image is made.
"""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

from marketplace.sites.stores.directory import DirectoryStore

log = logging.getLogger(__name__)

_PATIENCE = 60.0
_MOST_SHOWN = 300


class LibvirtPool(DirectoryStore):
    """Images in a pool.

    Args:
        pool: its name in libvirt.
        uri: of the libvirt daemon.
    """

    def __init__(self, name: str, site: str, path: Path, pool: str, uri: str) -> None:
        super().__init__(name, site, path)
        self._pool = pool
        self._uri = uri

    def check(self) -> list[str]:
        """See ``Store``."""
        faults = super().check()
        said = self._virsh("pool-dumpxml", self._pool)
        if said is not None:
            return [*faults, f"store {self.name}: {said}"]
        return faults

    def show(self, external: str) -> None:
        """See ``Store``."""
        super().show(external)
        self._refresh()

    def hide(self, external: str) -> None:
        """See ``Store``."""
        super().hide(external)
        self._refresh()

    def quarantine(self, external: str) -> None:
        """See ``Store``."""
        super().quarantine(external)
        self._refresh()

    def remove(self, external: str) -> None:
        """See ``Store``."""
        super().remove(external)
        self._refresh()

    def _refresh(self) -> None:
        """Have libvirt look again. The file is where it should be in any case, so this only tells."""
        said = self._virsh("pool-refresh", self._pool)
        if said is not None:
            log.warning("store %s: %s", self.name, said)

    def _virsh(self, *words: str) -> str | None:
        """Run virsh; what went wrong, or None."""
        try:
            done = subprocess.run(  # noqa: S603  # an argument list of ours
                ["virsh", "-q", "-c", self._uri, *words],  # noqa: S607  # wherever the operator has it
                capture_output=True,
                timeout=_PATIENCE,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except FileNotFoundError:
            return "virsh is not installed (Debian: libvirt-clients)"
        except subprocess.TimeoutExpired:
            return f"virsh {words[0]} did not end within {_PATIENCE:.0f} s"
        if done.returncode == 0:
            return None
        return (
            " ".join(done.stderr.decode("utf-8", "replace").split())[:_MOST_SHOWN]
            or f"virsh {words[0]} failed"
        )
