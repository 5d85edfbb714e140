"""The privacy matrix: for each route, what a reader without the grant gets, and the requests that show it.

Every request is made at a site that has the private entries and at one that
does not, by a reader without credentials and by a member of another group; the
answers must be the same. ``python -m tests.functional.privacy_rows`` writes the
table of docs/privacy.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.functional import privacy_api, privacy_federation, privacy_pages
from tests.functional.privacy_asks import Row

PAGE = Path(__file__).parent.parent.parent / "docs" / "privacy.md"
BEGIN, END = "<!-- routes: written by tests/functional/privacy_rows.py -->\n", "<!-- end of routes -->\n"
ROWS: Mapping[str, Row] = {**privacy_pages.ROWS, **privacy_api.ROWS, **privacy_federation.ROWS}


def table(routes: Mapping[str, str]) -> str:
    """The rows as Markdown, in the order of the table of routes.

    Args:
        routes: pattern by name.
    """
    lines = ["| route | what a reader without the grant gets |", "| --- | --- |"]
    lines += [f"| `{pattern}` | {ROWS[name].promise} |" for name, pattern in routes.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the table into the page."""
    from marketplace.routes import ROUTES

    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    written = table({route.name: route.pattern for route in ROUTES})
    PAGE.write_text(f"{before}{BEGIN}{written}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
