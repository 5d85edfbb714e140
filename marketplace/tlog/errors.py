"""Why something of a transparency log is not believed: one class and one stable code per reason."""

from __future__ import annotations

from typing import ClassVar


class TlogError(Exception):
    """Bytes are no such thing, or do not prove what they should."""

    code: ClassVar[str] = "tlog"


class NoteFormatError(TlogError):
    """Bytes are no signed note."""

    code = "note.format"


class NoteSignatureError(TlogError):
    """A note carries no signature of the key asked for, or a false one."""

    code = "note.signature"


class KeyFormatError(TlogError):
    """A text is no verifier key or signer key."""

    code = "key.format"


class CheckpointError(TlogError):
    """A note's text is no checkpoint, or one of another log."""

    code = "checkpoint.format"


class LeafError(TlogError):
    """Bytes are no leaf in its one spelling."""

    code = "leaf.format"


class TileError(TlogError):
    """A tile or bundle has not the shape its name says."""

    code = "tile.format"


class ProofFormatError(TlogError):
    """Bytes are no proof."""

    code = "proof.format"


class ProofError(TlogError):
    """A proof does not lead from the one hash to the other."""

    code = "proof.invalid"


class TooManyRowsError(TlogError):
    """More rows than the log signed for."""

    code = "rows.too-many"


class MissingRowsError(TlogError):
    """No rows where the log signed for some."""

    code = "rows.missing"
