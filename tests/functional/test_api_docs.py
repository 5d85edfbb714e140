"""docs/api.md against the code: every route and code is in it; its examples and the README's run."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import marketplace.ingest.errors
import marketplace.search.errors
import marketplace.sparql.errors
import validators.errors
from marketplace.routes import ROUTES
from tests.functional.catalogue import found
from tests.functional.running import RunningServer, running_server
from tests.launching import COMMAND, ROOT, run
from tests.waiting import wait_for

TEXT = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
#: Never sent: an index that is broken or taken is answered as search.unavailable.
INTERNAL = {"search.index-broken", "search.index-busy"}


def codes() -> Iterator[str]:
    """The code of every refusal; those of the trees' inner nodes are never sent."""
    for module in (
        validators.errors,
        marketplace.ingest.errors,
        marketplace.sparql.errors,
        marketplace.search.errors,
    ):
        for _, error in inspect.getmembers(module, inspect.isclass):
            code = getattr(error, "code", None)
            if isinstance(code, str) and "." in code and code not in INTERNAL:
                yield code
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "marketplace").rglob("*.py"))
    yield from re.findall(r'(?:RefusedError|RequestError|NotFoundError)\(\s*"([a-z]+\.[a-z-]+)"', source)


@pytest.mark.parametrize("code", sorted(set(codes())))
def test_every_code_is_explained(code):
    assert f"`{code}`" in TEXT


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.name != "web.home"], ids=lambda one: one.name
)
def test_every_route_is_described(route):
    spelled = {"first": "X", "second": "Y", "third": "CREATED", "identifier": "ID"}
    path = re.sub(r"\{(\w+)(:[^}]*)?\}", lambda part: spelled.get(part[1], part[1].upper()), route.pattern)
    path = path.replace("X/Y/CREATED", "ID/EMAIL/CREATED")
    assert path in TEXT


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_examples_run_against_the_demo(tmp_path):
    with running_server(tmp_path) as running:
        command(running, "demo")
        with running.client() as http:
            wait_for(lambda: found(http, "ubuntu") > 0)
        (tmp_path / "var").symlink_to(tmp_path)
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "marketplace").write_text(
            f'#!/bin/sh\nexec {sys.executable} -c "from marketplace.cli import main; main()" "$@"\n'
        )
        (tmp_path / "bin" / "marketplace").chmod(0o755)
        script = examples(TEXT)
        assert script.count("curl") > 20
        run_as_told(running, script)
        # The first screen, once `make run` is going; what it activates is the test's own environment.
        script = examples((ROOT / "README.md").read_text(encoding="utf-8").partition("## A first entry")[2])
        assert script.startswith(". .venv/bin/activate\n") and "marketplace upload" in script
        run_as_told(running, script.partition("\n")[2])


def examples(text: str) -> str:
    return "\n".join(re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def run_as_told(running: RunningServer, script: str) -> None:
    # Each command fails the run where it fails, also where curl got an error as the answer.
    script = f'set -e\ncurl() {{ command curl --silent --show-error --fail-with-body "$@"; }}\n{script}'
    run = subprocess.run(
        ["bash", "-c", script.replace("http://127.0.0.1:6543", running.url)],
        cwd=running.data,
        env=environment(running.data) | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr


def command(running: RunningServer, *arguments: str) -> None:
    environ = environment(running.data) | {"MARKETPLACE_DATA": str(running.data)}
    run([*COMMAND, *arguments], environ).check_returncode()


def environment(data: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MARKETPLACE_")}
    return kept | {"PATH": f"{data / 'bin'}:{os.environ['PATH']}", "no_proxy": "127.0.0.1"}
