"""Sizes of pools of connections."""

from __future__ import annotations

#: Connections kept for readers, and how many more may be opened at the same time.
READERS, MORE_READERS = 8, 56
#: Connections kept for writers: the ingest thread, followers' cursors, commands.
WRITERS, MORE_WRITERS = 4, 12
