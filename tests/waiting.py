"""How long tests wait for what comes at once on a machine that is not busy."""

from __future__ import annotations

#: Seconds that only keep a test from hanging. They say nothing about how fast anything has to be.
HANGING = 90.0
