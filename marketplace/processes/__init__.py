"""Child processes that may be killed: one question at a time, bounded memory, no files, no network."""

from .killable import KillableProcess, ProcessEndedError

__all__ = ["KillableProcess", "ProcessEndedError"]
