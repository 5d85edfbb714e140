"""Documents, vectors and keys as the original software made them, made anew with keys of the moment.

The folder has the layout of ``../shared/fixtures``, so whatever a test does with the one it does with
the other: a checkout by itself covers the same ground.
"""

from __future__ import annotations

from pathlib import Path

from tests.factories.originals.corpus import manifest, write_corpus
from tests.factories.originals.keys import write_keys
from tests.factories.originals.vectors import cases, write_vectors

__all__ = ["cases", "manifest", "write_originals"]


def write_originals(folder: Path) -> Path:
    """All of it."""
    write_keys(folder / "keys")
    write_corpus(folder / "corpus")
    write_vectors(folder / "vectors")
    return folder
