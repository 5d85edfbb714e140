"""Glance for a WSGI server: with Keystone on one port, without on another, over the same images.

Without Keystone everybody is one user, as in the pipeline ``default``: the headers are
those that Keystone's own middleware would set. While there is a file ``converting`` it is set up as in
clouds that unpack and convert what they import.
"""

# mypy: ignore-errors
import os
import sys
from pathlib import Path

sys.argv = ["glance-api"]
from glance.async_.flows import api_image_import  # noqa: F401  # registers options
from glance.common import config
from glance.wsgi.api import application as _with_keystone
from oslo_config import cfg
from sqlalchemy import Engine, event

PROJECT = "9d1c0b4c1a6f4f7ba1f0000000000001"
_OPEN_PORT = os.environ["GLANCE_OPEN_PORT"]
cfg.CONF.set_override("flavor", None, group="paste_deploy")
_open = config.load_paste_app("glance-api")
_EVERYBODY = {
    "HTTP_X_IDENTITY_STATUS": "Confirmed",
    "HTTP_X_USER_ID": "u1",
    "HTTP_X_PROJECT_ID": PROJECT,
    "HTTP_X_TENANT_ID": PROJECT,
    "HTTP_X_ROLES": "admin,member,reader",
    "HTTP_X_USER_NAME": "site",
    "HTTP_X_PROJECT_NAME": "site",
    "HTTP_X_AUTH_TOKEN": "x",
}
_CONVERTING = ["image_decompression", "image_conversion"]


@event.listens_for(Engine, "before_cursor_execute", retval=True)
def _begin_to_write(connection, cursor, statement, parameters, context, many):
    """Have each transaction take the lock for writing when it begins.

    One that has only read so far fails at once when it wants to write and another one has written meanwhile
    ("database is locked"), and an import of Glance fails with it.
    """
    return "BEGIN IMMEDIATE" if statement == "BEGIN" else statement, parameters


def application(environ, start_response):
    """One of the two."""
    plugins = _CONVERTING if Path("converting").exists() else []
    if plugins != cfg.CONF.image_import_opts.image_import_plugins:
        cfg.CONF.set_override("image_import_plugins", plugins, group="image_import_opts")
    if environ["SERVER_PORT"] == _OPEN_PORT:
        environ.update(_EVERYBODY)
        return _open(environ, start_response)
    return _with_keystone(environ, start_response)
