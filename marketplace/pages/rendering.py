"""Pages: templates filled in, with what every page shows."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pyramid.config import Configurator
from pyramid.events import BeforeRender
from pyramid.renderers import render
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config
from pyramid_jinja2 import add_jinja2_renderer

import marketplace.pages
from marketplace.http.errors import HttpError
from marketplace.http.responses import fresh_response, passing_response
from marketplace.http.security import found_principal
from marketplace.runtime import Runtime
from validators.explanations import explained

from .compiled import COMPILED
from .display import FILTERS, finalize
from .identicon import seal_path
from .systems import system_mark

_STATIC = Path(__file__).parent / "static"
#: The emblem of the site is drawn as the seals of images are.
_EMBLEM = seal_path("MarketplaceOfSignedImages_0")


def page(request: Request, template: str, values: Mapping[str, Any], status: int = 200) -> Response:
    """Fill in a template of ``templates/``.

    Clients keep a page of status 200, and ask again with its entity tag; any other is for this request only.
    """
    text: str = render(f"marketplace:pages/templates/{template}.jinja2", dict(values), request)
    if status != 200:
        return passing_response(text.encode(), "text/html", status)
    return fresh_response(request, text.encode(), "text/html")


def base_path(request: Request) -> str:
    """Where the site's URLs begin: the path of its configured base URL, without a slash at the end."""
    path: str = request.registry["marketplace.base_path"]
    return path


@view_config(route_name="web.about", request_method="GET", permission="site:read")
def about(request: Request) -> Response:
    """What a marketplace is, and what its words mean."""
    return page(request, "about", {"legacy": request.registry[Runtime].settings.upload.legacy})


@view_config(route_name="web.sync", request_method=("GET", "POST"), permission="site:read")
def sync(request: Request) -> Response:
    """The original service let anybody start a synchronisation here."""
    raise HttpError(410, "sync.gone", "there is no /sync any more: marketplaces replicate by themselves")


def _add_common_values(event: BeforeRender) -> None:
    registry = event["request"].registry
    event["now"] = registry[Runtime].now()
    event["site"] = registry[Runtime].settings.site
    event["reminds"] = registry[Runtime].settings.reminders.enabled
    event["base"] = registry["marketplace.base_path"]
    # Found out already where a view is shown; an error page must not try again what has just failed.
    event["visitor"] = found_principal(event["request"].environ)
    event["emblem_path"] = _EMBLEM
    # The part of the site a page belongs to; most templates name theirs.
    event["here"] = ""


def add_templates(config: Configurator, values: Mapping[str, object]) -> None:
    """Have templates filled in, which may all name ``values``.

    A template names another one in full: by a short name it would be compiled anew for each page.
    """
    config.add_settings(
        {
            "jinja2.bytecode_caching": COMPILED,
            "jinja2.trim_blocks": "true",
            "jinja2.lstrip_blocks": "true",
            "jinja2.undefined": "strict",
            "jinja2.finalize": finalize,
            "jinja2.filters": FILTERS
            | {
                "system_mark": system_mark,
                "explained": explained,
                "seal": seal_path,
            },
            "jinja2.globals": values,
        }
    )
    # Included as a whole it looks through the stack for the package that includes it: a tenth of a start.
    config.add_directive("add_jinja2_renderer", add_jinja2_renderer)
    config.add_jinja2_renderer(".jinja2", package=marketplace.pages)


def includeme(config: Configurator) -> None:
    """Set up templates, what they all show, and the files they use."""
    site = config.registry[Runtime].settings.site
    base = config.registry["marketplace.base_path"] = urlsplit(site.url).path.rstrip("/")
    # A new version of a file gets a new address, so that browsers may keep the old one.
    versions = {
        path.name: sha256(path.read_bytes()).hexdigest()[:10] for path in _STATIC.iterdir() if path.is_file()
    }
    add_templates(config, {"asset": lambda name: f"{base}/static/{name}?v={versions[name]}"})
    config.include("marketplace.http.streams")
    config.add_subscriber(_add_common_values, BeforeRender)
    config.add_static_view("static", "marketplace:pages/static", cache_max_age=3600)
