"""What a site's filter lets its readers see."""

from __future__ import annotations

import pytest

from marketplace.ingest.site_filter import SiteFilter
from tests.factories.entries import accepted


@pytest.mark.parametrize(
    ("conditions", "shown"),
    [
        ((), True),
        (("endorser:jane@example.org",), True),
        (("endorser:@example.org",), True),
        (("endorser:@org",), False),
        (("endorser:joan@example.org", "endorser:jane@example.org"), True),
        (("tag:lts",), True),
        (("tag:other",), False),
        (("trust:chained",), True),
        (("trust:self-signed",), False),
        (("endorser:@example.org", "tag:other"), False),
        (("group:astro",), True),
    ],
)
def test_conditions_of_one_kind_are_alternatives(conditions: tuple[str, ...], shown: bool) -> None:
    filter_ = SiteFilter(conditions, lambda signer: "chained")
    assert (filter_.find_reason(accepted(email="jane@example.org", tags=("lts",))) is None) == shown


def test_groups_are_filtered_by_name() -> None:
    assert SiteFilter((), lambda signer: "").takes_group("a")
    assert SiteFilter(("group:a",), lambda signer: "").takes_group("a")
    assert not SiteFilter(("group:a",), lambda signer: "").takes_group("b")
