"""Servers that fork after they loaded the application."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from marketplace.prefork import find_uwsgi_faults
from tests.launching import ROOT

#: What gunicorn --preload does: load the application, fork, and let the fork serve.
PRELOAD = """
import os
import marketplace

application = marketplace.main({}, **{"data": "data", "search.engine": "off", "query.enabled": "false"})
worker = os.fork()
if worker == 0:
    print("the fork serves")
    os._exit(0)
_, status = os.waitpid(worker, 0)
print(os.waitstatus_to_exitcode(status))
"""


def test_a_fork_of_a_process_that_serves_ends_with_a_sentence(tmp_path) -> None:
    environ = {name: text for name, text in os.environ.items() if not name.startswith("MARKETPLACE_")}
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PRELOAD],
        cwd=tmp_path,
        env=environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "3\n"
    assert "marketplace: this process is a fork" in ran.stderr and "without --preload" in ran.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({b"http": b":8080"}, ["enable-threads"]),
        ({b"enable-threads": True}, []),
        ({b"threads": b"8", b"master": True}, ["lazy-apps"]),
        ({b"threads": b"8", b"master": True, b"lazy-apps": True}, []),
        ({"master": True}, ["enable-threads", "lazy-apps"]),
    ],
)
def test_settings_of_uwsgi_that_leave_no_threads_are_told(options, told) -> None:
    faults = find_uwsgi_faults(options)
    assert len(faults) == len(told)
    assert all(word in fault for word, fault in zip(told, faults, strict=True))
