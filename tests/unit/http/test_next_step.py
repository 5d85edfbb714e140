"""The step that an error page offers: a place in the same part of the site, and not the same error again."""

from __future__ import annotations

import pytest

from marketplace.http.problems import next_step


@pytest.mark.parametrize(
    ("status", "path", "wanted", "offered"),
    [
        (404, "/views/nothing", "/views/nothing", ("/views", "All views")),
        (404, "/endorsers/x@example.org", "/endorsers/x@example.org", ("/endorsers", "All publishers")),
        (404, "/docs/nothing", "/docs/nothing", ("/docs", "Documentation")),
        (404, "/nothing", "/nothing", ("/", "Find an image")),
        (401, "/account", "/account", ("/", "Find an image")),
        (404, "/admin", "/admin", ("/account", "Your account")),
        (404, "/admin/tokens", "/admin/tokens", ("/account", "Your account")),
        (413, "/upload", "", ("/upload", "Back to the upload")),
        (404, "/action/used/confirm", "/action/used/confirm", ("/upload", "Upload an entry")),
        (429, "/query", "/query?query=ASK", ("/query?query=ASK", "Try again")),
        (503, "/metadata", "", ("/", "Find an image")),
        (503, "/views/x", "/views/x", ("/views/x", "Try again")),
    ],
)
def test_the_step_fits_the_place_and_the_error(status, path, wanted, offered):
    step = next_step(status, path, wanted)
    assert (step.path, step.text) == offered
