"""Notices where entries contradict each other."""

from marketplace.conflicts.follower import ConflictFollower
from marketplace.conflicts.notices import ConflictNotices

__all__ = ["ConflictFollower", "ConflictNotices"]
