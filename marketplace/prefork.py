"""Servers that load the application once and then fork: of its threads a fork has none.

Nothing would be stored, followed or pulled in such a process, and uploads would wait
for ever. Servers that fork first and load the application in each worker are fine.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from marketplace.config import ConfigurationError

#: The status by which gunicorn knows that a worker cannot start, and gives up instead of trying again.
_CANNOT_START = 3
_FORKED = (
    b"marketplace: this process is a fork of one in which the application runs, and has none of its threads. "
    b"Load the application in each worker: gunicorn without --preload, uWSGI with lazy-apps.\n"
)


def verify_server() -> None:
    """Check that the server around this process allows the application's background threads.

    Raises:
        ConfigurationError: it is uWSGI with settings under which there are none.
    """
    try:
        uwsgi = import_module("uwsgi")  # there only inside of uWSGI
    except ImportError:
        return
    faults = find_uwsgi_faults(uwsgi.opt)
    if faults:
        raise ConfigurationError(faults)


def find_uwsgi_faults(options: dict[Any, Any]) -> list[str]:
    """What is wrong with the settings of a uWSGI server, a sentence each."""
    given = {name.decode() if isinstance(name, bytes) else str(name) for name in options}
    faults = []
    if not given & {"enable-threads", "threads"}:
        faults.append("uWSGI runs no threads of the application: set enable-threads = true")
    if "master" in given and not given & {"lazy", "lazy-apps"}:
        faults.append("uWSGI forks after it loaded the application: set lazy-apps = true")
    return faults


def end_forks() -> None:
    """From here on end every fork of this process at once, with a sentence that says why."""
    os.register_at_fork(after_in_child=_end)


def _end() -> None:
    os.write(2, _FORKED)
    os._exit(_CANNOT_START)
