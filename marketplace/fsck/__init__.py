"""Proves what is stored: every byte accepted again, every column, log row and current entry recomputed."""

from marketplace.fsck.service import Damage, FsckService

__all__ = ["Damage", "FsckService"]
