"""Every command of docs/*.md and the README is run: against a demo marketplace, in a folder of its page.

What cannot be run is listed in ``PARSED`` with the reason; tests/unit/pages/test_handbook.py parses it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from marketplace.cli import run
from marketplace.demo.loading import AUTHORITY
from tests.factories.images import qcow2
from tests.functional.catalogue import found
from tests.functional.running import running_server
from tests.unit.pages.test_handbook import documented_commands
from tests.waiting import wait_for

ALICE = "alice.archer@images.example.org"
#: Pages whose commands another test runs as they stand, with everything around them.
ELSEWHERE = {
    "api": "tests/functional/test_api_docs.py runs the page's examples in bash",
    "README": "tests/functional/test_api_docs.py runs the first screen in bash",
    "publishing": "tests/functional/test_recording.py records the page's terminal anew",
}
#: Beginning of a command that is parsed only, and why.
PARSED = {
    "serve ": "runs until it is stopped; the marketplace of this test is started by it",
    "site run": "runs until it is stopped; tests/sites/test_daemon.py starts it",
    "site hook install": "writes below /etc; tests/sites/test_libvirt.py runs it with a libvirt of its own",
    "mirror vendor": "reads a catalogue from the internet; tests/functional/test_vendors.py has one here",
    "mail test": "needs a mail server; tests/unit/cli/test_mail_commands.py has one",
    "mail retry ID": "needs mail that was given up; tests/unit/cli/test_mail_commands.py has some",
    "mail drop ID": "needs mail that was given up; tests/unit/cli/test_mail_commands.py has some",
    "webhook test": "needs a receiver; tests/webhooks has one",
}
#: Exit codes other than 0, and why.
CODES = {
    "identify image.qcow2": (3, "nobody endorsed this image"),
    "peer add https://mp-b.example --key LOGKEY --mirror": (8, "the page added this peer before"),
    "site check": (5, "a new configuration trusts nobody yet"),
}


@dataclass
class Place:
    """The marketplace, a folder with what the pages talk of, and what their placeholders stand for."""

    folder: Path
    values: dict[str, str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder, data = tmp_path_factory.mktemp("docs"), tmp_path_factory.mktemp("data")
    other = tmp_path_factory.mktemp("other")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("MARKETPLACE_", "STRATUSLAB_"))]:
            patch.delenv(name)
        patch.setenv("HOME", str(folder))
        patch.setenv("MARKETPLACE_KEY_PASSWORD", "")
        patch.chdir(folder)
        patch.setenv("MARKETPLACE_DATA", str(data))
        for command in ("db upgrade", "demo", "peer init --origin mp.example.org"):
            call(command)
        call(f"peer init --data {other} --origin mp-b.example")
        log_key, auth_key = keys(call(f"peer keys --data {other} -o json"))
        own_key, _ = keys(call("peer keys -o json"))
        with running_server(data, trust_anchors=str(data / "demo" / AUTHORITY)) as running:
            patch.setenv("MARKETPLACE_ENDPOINT", running.url)
            with running.client() as client:
                wait_for(lambda: found(client, "debian") > 0)
            named = call("list -o id --email " + ALICE).split()
            call(f"show {named[0]} --out entry.xml")
            (folder / "image.qcow2").write_bytes(qcow2())
            (folder / "backup").mkdir()
            hook = call("webhook create https://ci.example.org/hook -o id").strip()
            yield Place(
                folder,
                {
                    "https://marketplace.example.org": running.url,
                    # This marketplace has keys already, which it publishes with.
                    "peer init --data /var/lib/marketplace": f"peer init --data {folder / 'new'}",
                    "/var/lib/marketplace": str(data),
                    "/backup/": f"{folder / 'backup'}/",
                    "alice@images.example.org/debian-stable": f"{ALICE}/latest",
                    "IDENTIFIER/EMAIL/CREATED": named[-1],
                    "ID/EMAIL/CREATED": named[0],
                    "--key LOGKEY": f"--key {log_key}",
                    "AUTHKEY": auth_key,
                    "--key KEY": f"--key {own_key}",
                    # What lies there is not looked at: nothing but this machine is asked.
                    "--location https://images.example.org": "--no-look --location https://images.example.org",
                    **{
                        f"webhook {one} NAME": f"webhook {one} {hook}"
                        for one in ("deliveries", "rotate", "enable")
                    },
                    # Somebody at a terminal is asked.
                    "site init": "site init --yes",
                },
            )


def keys(shown: str) -> tuple[str, str]:
    """Log key and auth key, as ``peer keys -o json`` shows them."""
    told = json.loads(shown)
    return told["log"], told["auth"]


def call(line: str, code: int = 0) -> str:
    """Run a command in this process, and return what it wrote to standard output."""
    out, told = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
        ended = run(shlex.split(line))
    text, complaint = (one.buffer.getvalue().decode() for one in (out, told))
    assert ended == code, (line, ended, text, complaint)
    return text


def test_every_command_of_the_documentation_runs(place: Place) -> None:
    ran: list[str] = []
    # After an erasure the server starts itself anew, so it is the last.
    for page, line in sorted(documented_commands(), key=lambda one: one[1].startswith("erase ")):
        if page in ELSEWHERE or any(line.startswith(one) for one in PARSED):
            continue
        code = next((code for begin, (code, _) in CODES.items() if line.startswith(begin)), 0)
        for placeholder, value in place.values.items():
            line = line.replace(placeholder, value, 1)
        words = shlex.split(line, comments=True)
        end = next((n for n, word in enumerate(words) if word in ("|", ">", "&&")), len(words))
        command = shlex.join(words[:end])
        written = call(command, code)
        if words[end : end + 1] == [">"]:
            (place.folder / Path(words[end + 1]).name).write_text(written)
        ran.append(command)
    assert len(ran) >= 25


def test_what_is_parsed_only_is_still_in_the_documentation() -> None:
    lines = documented_commands()
    assert [
        begin for begin in (*PARSED, *CODES) if not any(line.startswith(begin) for _, line in lines)
    ] == []
    assert {page for page, _ in lines} >= set(ELSEWHERE)
