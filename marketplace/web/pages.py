"""Pages: templates filled in, with what every page shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pyramid.config import Configurator
from pyramid.events import BeforeRender
from pyramid.renderers import render
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.runtime import Runtime

from .errors import HttpError
from .presented import fresh_response


def page(request: Request, template: str, values: Mapping[str, Any]) -> Response:
    """Fill in a template of ``templates/``; clients ask again with its entity tag."""
    text: str = render(f"marketplace:web/templates/{template}.jinja2", dict(values), request)
    return fresh_response(request, text.encode(), "text/html")


def base_path(request: Request) -> str:
    """Where the site's URLs begin: the path of its configured base URL, without a slash at the end."""
    path: str = request.registry["marketplace.base_path"]
    return path


@view_config(route_name="web.home", request_method="GET", permission="site:read")
def home(request: Request) -> Response:
    """What there is."""
    return page(request, "home", {})


@view_config(route_name="web.sync", permission="site:read")
def sync(request: Request) -> Response:
    """The original service let anybody start a synchronisation here."""
    raise HttpError(410, "sync.gone", "there is no /sync any more: marketplaces replicate by themselves")


def _add_common_values(event: BeforeRender) -> None:
    registry = event["request"].registry
    event["site"] = registry[Runtime].settings.site
    event["base"] = registry["marketplace.base_path"]


def includeme(config: Configurator) -> None:
    """Set up templates, what they all show, and the files they use."""
    site = config.registry[Runtime].settings.site
    config.registry["marketplace.base_path"] = urlsplit(site.url).path.rstrip("/")
    config.include("pyramid_jinja2")
    config.add_subscriber(_add_common_values, BeforeRender)
    config.add_static_view("static", "marketplace:web/static", cache_max_age=3600)
