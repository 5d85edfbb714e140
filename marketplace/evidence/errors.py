"""Why a file is no evidence."""

from __future__ import annotations


class EvidenceError(ValueError):
    """A file is no evidence, or does not prove what it says."""

    code = "evidence"
