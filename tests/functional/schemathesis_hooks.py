"""What schemathesis cannot know when it makes up requests; see test_openapi.py."""

from __future__ import annotations

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs) -> None:
    """A cursor is what the server gave out: arbitrary text is none, whatever its schema says."""
    if case.meta is not None and case.meta.generation.mode.is_positive and case.query:
        case.query.pop("cursor", None)
