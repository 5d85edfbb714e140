"""A real server tells real receivers of what happens."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import httpx

from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.running import RunningServer, running_server
from tests.launching import COMMAND, run_text
from tests.webhooks.receiver import receiving
from validators.document import format_time

ALICE = make_identity(email="alice@example.org")
NOW = datetime.now(UTC).replace(microsecond=0)
LOOPBACK = {"webhooks_allow_private": "127.0.0.0/8"}


def upload(http: httpx.Client, data: bytes) -> None:
    answer = http.post("/metadata", content=data, headers={"Content-Type": "application/rdf+xml"})
    assert answer.status_code == 201, answer.text


def test_an_upload_is_told_under_a_signature_that_the_library_verifies(tmp_path) -> None:
    with running_server(tmp_path, query_enabled="false", **LOOPBACK) as server, receiving() as receiver:
        made = json.loads(command(server, "create", receiver.url, "-o", "json"))
        with server.client() as http:
            upload(http, signed(image(title="Spread"), ALICE, created=format_time(NOW - timedelta(hours=2))))
        (received,) = receiver.wait(1)
        told = received.verified(made["secret"])
        assert (told["type"], told["id"]) == ("entry.accepted", received.event_id)
        assert told["data"]["sentence"] == "alice@example.org endorsed Spread."


def command(server: RunningServer, *arguments: str, fails: int = 0) -> str:
    """What ``marketplace webhook`` writes, run beside the server."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MARKETPLACE_")}
    environ |= {"MARKETPLACE_DATA": str(server.data), "MARKETPLACE_WEBHOOKS_ALLOW_PRIVATE": "127.0.0.0/8"}
    done = run_text([*COMMAND, "webhook", *arguments], environ)
    assert done.returncode == fails, done.stderr
    return done.stdout if fails == 0 else done.stderr
