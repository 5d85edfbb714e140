"""Keystone for a WSGI server: its own module reads the server's command line."""

import sys

sys.argv = ["keystone"]
from keystone.wsgi.api import application  # noqa: E402  # type: ignore[import-not-found]

__all__ = ["application"]
