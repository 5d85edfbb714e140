"""Why something of a transparency log is not believed: one class and one stable code per reason."""

from __future__ import annotations

from validators.coded_error import CodedError


class TlogError(CodedError, code="tlog"):
    """Bytes are no such thing, or do not prove what they should."""


class NoteFormatError(TlogError, code="note.format"):
    """Bytes are no signed note."""


class NoteSignatureError(TlogError, code="note.signature"):
    """A note carries no signature of the key asked for, or a false one."""


class KeyFormatError(TlogError, code="key.format"):
    """A text is no verifier key or signer key."""


class CheckpointError(TlogError, code="checkpoint.format"):
    """A note's text is no checkpoint, or one of another log."""


class LeafError(TlogError, code="leaf.format"):
    """Bytes are no leaf in its one spelling."""


class TileError(TlogError, code="tile.format"):
    """A tile or bundle has not the shape its name says."""


class ProofFormatError(TlogError, code="proof.format"):
    """Bytes are no proof."""


class ProofError(TlogError, code="proof.invalid"):
    """A proof does not lead from the one hash to the other."""


class TooManyRowsError(TlogError, code="rows.too-many"):
    """More rows than the log signed for."""


class MissingRowsError(TlogError, code="rows.missing"):
    """No rows where the log signed for some."""
