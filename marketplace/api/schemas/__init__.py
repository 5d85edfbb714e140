"""The shapes of what the API answers, as JSON Schema; ``shown`` and the views make them.

Clients must ignore members that they do not know: some will be added.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..description import Schema
from .endorsers import ENDORSERS
from .entries import ENTRIES
from .original import ORIGINAL
from .site import SITE
from .verdicts import VERDICTS

SCHEMAS: Mapping[str, Schema] = {**SITE, **ENTRIES, **VERDICTS, **ENDORSERS, **ORIGINAL}
