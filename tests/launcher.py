"""A process with the product's modules loaded, whose forks become commands of the product.

To load them takes more than half of the CPU time that a server needs to start. ``tests/launching.py``
starts this program once for each process of pytest and talks with it over a socket.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import socket
import sys
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import marketplace
from marketplace.authorities import get_authorities

#: A request has three files with it: what becomes standard input, output and error.
FILES = 3
LARGEST = 1 << 20
#: The exit code of an interpreter that cannot write the rest of its output.
UNWRITTEN = 120
_LOADED = (
    "cli",
    "server",
    "routes",
    "search",
    "http",
    "original",
    "pages",
    "api",
    "federation_views",
    "sites",
)


@dataclass(frozen=True)
class Start:
    """What a new process is told."""

    code: str
    words: list[str]
    environ: dict[str, str]
    folder: str
    session: bool


def main() -> None:
    """Load the modules, then fork whenever that is asked for; a fork goes on as the program it is to be."""
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        load()
        start = _answer(asked)
    if start is not None:
        _become(start)


def load() -> None:
    """Load what a server loads until it is ready, and the commands of users, operators and sites."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*pkg_resources.*")
        # The engine of searches and that of templates are loaded when they are first used.
        for name in ("pyramid_jinja2", "whoosh.searching", "whoosh.writing", "whoosh.codec.whoosh3"):
            importlib.import_module(name)
        for name in _LOADED:
            module = importlib.import_module(f"marketplace.{name}")
            for found in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{module.__name__}."):
                importlib.import_module(found.name)
    _compile_templates()
    _configure()
    get_authorities()
    # A fork of a process with threads may hang.
    assert threading.active_count() == 1 and len(list(Path("/proc/self/task").iterdir())) == 1
    gc.collect()
    gc.freeze()


def _compile_templates() -> None:
    """Compile what every page is made of."""
    from pyramid.config import Configurator
    from pyramid_jinja2 import get_jinja2_environment

    from marketplace.pages.rendering import add_templates

    config = Configurator()
    add_templates(config, {})
    config.commit()
    environment = get_jinja2_environment(config)
    for name in ("base", "macros", "finder"):
        environment.get_template(f"marketplace:pages/templates/{name}.jinja2")


def _configure() -> None:
    """Set up URLs and views, so that forks only add what belongs to their settings."""
    configured = marketplace.configure()
    # Each fork has its own copy, and makes one application.
    setattr(marketplace, "configure", lambda: configured)  # noqa: B010  # its type stays that of the function


def _answer(asked: socket.socket) -> Start | None:
    """Answer requests until nobody can ask any more; in a fork, what it has to become."""
    while True:
        data, files, _, _ = socket.recv_fds(asked, LARGEST, FILES)
        if not data:
            return None
        request = json.loads(data)
        if "wait" in request:
            found, status = os.waitpid(request["wait"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if found else None
        elif (answer := os.fork()) == 0:
            for number, file in enumerate(files):
                os.dup2(file, number)
            return Start(**request)
        for file in files:
            os.close(file)
        asked.send(json.dumps(answer).encode())


def _become(start: Start) -> None:
    """Run code as an interpreter does that was started for it with ``-c``."""
    os.closerange(FILES, os.sysconf("SC_OPEN_MAX"))
    if start.session:
        os.setsid()
    os.chdir(start.folder)
    os.environ.clear()
    os.environ.update(start.environ)
    sys.orig_argv = [sys.executable, "-c", start.code, *start.words]
    sys.argv = ["-c", *start.words]
    for number, (name, mode) in enumerate({"stdin": "r", "stdout": "w", "stderr": "w"}.items()):
        was = getattr(sys, name)
        file = open(number, mode, encoding=was.encoding, errors=was.errors, closefd=False)  # noqa: SIM115 - open until the process ends
        setattr(sys, name, file)
        setattr(sys, f"__{name}__", file)
    sys.modules["__main__"] = ModuleType("__main__")
    _end(_run(start.code))


def _run(code: str) -> int:
    """Run a program, and return its exit code as the interpreter finds it."""
    try:
        exec(compile(code, "<string>", "exec"), sys.modules["__main__"].__dict__)  # noqa: S102  # of a test
    except SystemExit as asked:
        if asked.code is None or isinstance(asked.code, int):
            return asked.code or 0
        print(asked.code, file=sys.stderr)  # noqa: T201  # as the interpreter does
        return 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _end(code: int) -> None:
    """End as an interpreter does, but leave the memory to the system.

    To take apart what is loaded takes longer than many a command, and copies the memory that is shared with
    the launcher.
    """
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is None or stream.closed:
            continue
        try:
            stream.flush()
        except OSError:
            code = UNWRITTEN
    os._exit(code)
