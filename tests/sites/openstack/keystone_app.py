"""Keystone for a WSGI server: its own module reads the server's command line.

While there is a file ``token-seconds``, new tokens are good for so long.
"""

# mypy: ignore-errors
import sys
from pathlib import Path

sys.argv = ["keystone"]
from keystone.wsgi.api import application as _application
from oslo_config import cfg

_USUAL = cfg.CONF.token.expiration
_SECONDS = Path("token-seconds")


def application(environ, start_response):
    """Keystone itself."""
    seconds = int(_SECONDS.read_text()) if _SECONDS.exists() else _USUAL
    if seconds != cfg.CONF.token.expiration:
        cfg.CONF.set_override("expiration", seconds, group="token")
    return _application(environ, start_response)
