"""The application's own rules: permissions at start, the last resort, and the table of routes."""

from __future__ import annotations

import gc
import json
import logging
import types

import pytest
from lxml import etree
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError, ConfigurationExecutionError
from pyramid.request import Request
from pyramid.response import Response

import marketplace
from marketplace.access.permissions import PERMISSIONS
from marketplace.config import Settings
from marketplace.ingest import StoreUnavailableError
from marketplace.routes import ROUTES
from marketplace.runtime import build
from tests.databases import upgrade
from tests.factories.documents import image, signed


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    settings = Settings.from_mapping({"data": str(tmp_path_factory.mktemp("app")), "query.enabled": "false"})
    upgrade(settings.database_url)
    runtime = build(settings)
    yield runtime
    runtime.close()


@pytest.fixture(scope="module")
def application(runtime):
    return marketplace.make_app(runtime)


def test_a_view_without_a_known_permission_stops_the_start():
    for permission in (None, "entry:raed"):
        config = Configurator()
        config.include("marketplace.http.security")
        config.add_route("x", "/x")
        config.add_view(lambda request: Response(), route_name="x", permission=permission)
        with pytest.raises((ConfigurationError, ConfigurationExecutionError), match="declares no permission"):
            config.make_wsgi_app()


def test_every_permission_has_alternatives():
    assert all(PERMISSIONS.values())


def test_an_unexpected_error_is_a_500_that_tells_only_its_id(application, monkeypatch, caplog):
    def fail(self, coordinates):
        raise RuntimeError("secret: the database password")

    monkeypatch.setattr("marketplace.entries.service.VisibleEntries.endorsers", fail)
    monkeypatch.setattr("marketplace.entries.service.VisibleEntries.endorsers", lambda self: fail(self, None))
    for accept, where in (
        ("application/json", "json"),
        ("application/problem+json", "problem"),
        ("text/html", "html"),
    ):
        with caplog.at_level(logging.ERROR):
            answer = Request.blank(
                "/endorsers", headers={"Accept": accept, "X-Request-Id": f"failing-{where}"}
            ).get_response(application)
        assert answer.status_int == 500
        assert "secret" not in answer.text and "Traceback" not in answer.text
        assert answer.headers["X-Request-Id"] == f"failing-{where}" and f"failing-{where}" in answer.text
        assert "secret" in caplog.text and "Traceback" in caplog.text
        caplog.clear()


def test_a_database_that_takes_nothing_is_a_503(application, runtime, monkeypatch):
    def refuse(*args, **kwargs):
        raise StoreUnavailableError("the database cannot store the entry at the moment: try again later")

    monkeypatch.setattr(type(runtime.ingest), "take", refuse)
    request = Request.blank("/metadata", method="POST", headers={"Accept": "application/problem+json"})
    request.body, request.content_type = signed(image(content="503")), "text/xml"
    answer = request.get_response(application)
    assert (answer.status_int, json.loads(answer.body)["code"]) == (503, "store.unavailable")
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize(
    ("method", "path", "kind", "status"),
    [
        ("POST", "/metadata", "text/xml", 400),
        ("POST", "/metadata", "image/png", 415),
        ("POST", "/upload", "text/xml", 200),
        ("POST", "/api/v1/verify", "text/xml", 200),
        ("GET", "/metadata?limit=x", "", 400),
        ("GET", "/nowhere", "", 404),
        ("PUT", "/metadata", "text/xml", 405),
        ("GET", "/endorsers", "", 500),
    ],
)
def test_an_error_leaves_no_work_for_the_garbage_collector(
    application, monkeypatch, method, path, kind, status
):
    def fail(self):
        raise RuntimeError("a fault") from ValueError("and what was behind it")

    monkeypatch.setattr("marketplace.entries.service.VisibleEntries.endorsers", fail)

    def ask():
        request = Request.blank(
            path, method=method, headers={"Accept": "application/problem+json, text/html"}
        )
        if kind:
            request.body, request.content_type = b"<refused/>", kind
        return request.get_response(application).status_int

    assert ask() == status
    gc.collect()
    gc.disable()
    try:
        ask()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        kept = [one for one in gc.garbage if isinstance(one, (types.FrameType, etree._Element, bytes))]
        assert kept == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_every_route_of_the_table_answers_its_methods_and_no_others(application):
    registered: dict[str, set[str]] = {}
    introspector = application.registry.introspector
    for item in introspector.get_category("views"):
        view = item["introspectable"]
        methods = view["request_methods"] or ()
        registered.setdefault(view["route_name"], set()).update(
            [methods] if isinstance(methods, str) else methods
        )
    for route in ROUTES:
        answered = registered.get(route.name, set()) - {"HEAD", "OPTIONS"}
        assert answered == set(route.methods) or route.name == "web.sync", route.name
