"""Settings about who gets in, and how often."""

from __future__ import annotations

from typing import Literal

#: What a site is as a whole: open to all; private: reading needs a token; replica: takes no uploads.
SiteMode = Literal["open", "private", "replica"]
