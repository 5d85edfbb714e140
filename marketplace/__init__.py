"""The Marketplace: keeps, proves and serves signed metadata about images."""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyramid.router import Router

    from marketplace.runtime import Runtime


def main(global_config: dict[str, str], **settings: str) -> Router:
    """The WSGI application of an ini file's ``[app:main]`` (for ``pserve``), followers included.

    Raises:
        ConfigurationError: naming every faulty setting, also of a server that forks after this.
    """
    import os

    from marketplace import db, logs
    from marketplace.config import Settings, environment_settings
    from marketplace.prefork import end_forks, verify_server
    from marketplace.runtime import build

    verify_server()
    # What a site keeps on disk is for its own user only: groups keep entries to themselves.
    os.umask(0o077)
    checked = Settings.from_mapping({**settings, **environment_settings(os.environ)})
    if not _has_loggers(global_config.get("__file__")):
        logs.configure(checked.log.level, checked.log.format)
    db.initialise(checked.database_url)
    runtime = build(checked)
    atexit.register(runtime.close)
    application = make_app(runtime)
    runtime.start()
    end_forks()
    return application


def _has_loggers(ini: str | None) -> bool:
    """Whether the file says itself what is logged; pserve shows warnings only where it does not."""
    from configparser import RawConfigParser

    parser = RawConfigParser()
    parser.read([] if ini is None else ini, encoding="utf-8")
    return parser.has_section("loggers")


def make_app(runtime: Runtime) -> Router:
    """The WSGI application over the parts a process holds; the two lists below are its whole composition."""
    config = configure()
    config.registry[type(runtime)] = runtime
    # Tokens and cookies that requests bring.
    config.include("marketplace.http.credentials")
    # How often an address may upload and query.
    config.include("marketplace.http.rate_limits")
    # Request ids, log lines, headers, and entries served from memory.
    config.include("marketplace.http.execution_policy")
    # Templates and static files.
    config.include("marketplace.pages.rendering")
    return config.make_wsgi_app()


def configure() -> Any:
    """URLs and views, which are the same in every process, whatever its settings are."""
    from pyramid.config import Configurator

    config: Any = Configurator()
    # Whoever may do what; from here on a view without a permission stops the start.
    config.include("marketplace.http.security")
    # Every URL.
    config.include("marketplace.routes")
    # Errors in the form each client reads.
    config.include("marketplace.http.exception_views")
    config.include("marketplace.http.refusals")
    # The views, beside the features they present.
    config.scan("marketplace.http")
    config.scan("marketplace.original")
    config.scan("marketplace.pages")
    config.scan("marketplace.api")
    config.scan("marketplace.federation_views")
    config.commit()
    return config
