"""The server ends in order when asked to: what it began is finished, what it confirmed is stored."""

from __future__ import annotations

import os
import signal
import sys
import threading

import httpx
import pytest

from tests.factories.documents import image, signed
from tests.functional.running import RunningServer, running_server, start
from tests.launching import run_text
from tests.waiting import HANGING
from validators import accept


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_with_0(data_directory, number):
    with running_server(data_directory) as server:
        with server.connect() as idle:
            # Answered once: a connection that is not even accepted yet is reset instead of closed.
            idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert idle.recv(65536).startswith(b"HTTP/1.1 200 ")
            server.process.send_signal(number)
            assert server.process.wait(HANGING) == 0
            while idle.recv(65536):
                pass
        assert server.log_lines()[-1]["event"] == "stopped"


READY = """
import gc, os, signal
from marketplace import server
from marketplace.cli import main
real = server.serve
def serve(settings, **given):
    def ready(address):
        print(gc.isenabled(), gc.get_freeze_count() > 100_000)
        os.kill(os.getpid(), signal.SIGTERM)
    return real(settings, **given | {"ready": ready})
server.serve = serve
main(["serve", "--port", "0"])
"""


def test_a_server_that_is_ready_collects_garbage_but_for_what_its_start_made(data_directory):
    done = run_text([sys.executable, "-c", READY], os.environ | {"MARKETPLACE_DATA": str(data_directory)})
    assert (done.returncode, done.stdout) == (0, "True True\n"), done.stderr


def test_uploads_in_flight_are_answered_and_stored(data_directory):
    documents = [signed(image(content=f"shutdown {n}")) for n in range(60)]
    outcomes: dict[int, int] = {}
    with running_server(data_directory, query_enabled="false") as server:
        enough = threading.Event()

        def upload(share: list[int]) -> None:
            with server.client() as http:
                for n in share:
                    try:
                        answer = http.post(
                            "/metadata", content=documents[n], headers={"Content-Type": "text/xml"}
                        )
                    except httpx.TransportError:
                        return  # the server takes no more
                    outcomes[n] = answer.status_code
                    if len(outcomes) >= 15:
                        enough.set()

        threads = [threading.Thread(target=upload, args=(list(range(k, 60, 4)),)) for k in range(4)]
        for thread in threads:
            thread.start()
        assert enough.wait(HANGING)
        assert server.stop() == 0
        for thread in threads:
            thread.join(HANGING)
    assert set(outcomes.values()) == {201}
    again = start(data_directory, query_enabled="false")
    try:
        _assert_stored(again, [documents[n] for n in outcomes])
    finally:
        assert again.stop() == 0


def _assert_stored(server: RunningServer, documents: list[bytes]) -> None:
    with server.client() as http:
        for data in documents:
            assert http.get("/metadata/" + accept(data).coordinates.path()).content == data
