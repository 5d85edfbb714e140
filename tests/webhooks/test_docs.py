"""The page about webhooks says what the code does."""

from __future__ import annotations

import re

from marketplace.config.webhooks import WebhookSettings
from marketplace.events import MEANINGS
from marketplace.pages.events import NAMES
from tests.launching import ROOT

PAGE = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")


def test_every_kind_of_event_is_told_with_its_meaning() -> None:
    rows = re.findall(r"^\| `([a-z.]+)` \| ([^|]+) \|$", PAGE, re.MULTILINE)
    assert rows == [(kind.value, meaning) for kind, meaning in MEANINGS.items()]
    assert set(NAMES) == set(MEANINGS)


def test_the_times_are_those_of_the_settings() -> None:
    usual = WebhookSettings()
    assert (
        f"after {usual.retry_seconds:.0f}\nseconds" in PAGE
        or f"after {usual.retry_seconds:.0f} seconds" in PAGE
    )
    assert f"after {usual.give_up_hours:.0f} hours it is given up" in PAGE
    assert f"none arrives for {usual.disable_hours:.0f} hours" in PAGE
