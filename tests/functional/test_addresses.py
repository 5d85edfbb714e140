"""Where a server listens, what it calls itself, and that it is alive while it waits."""

from __future__ import annotations

import socket
import sqlite3
import threading
from contextlib import closing

import httpx
import pytest

from tests.factories.documents import image, signed
from tests.functional.running import AUTHORITIES, running_server
from tests.waiting import HANGING, wait_for


def has_ipv6() -> bool:
    """Whether this machine has the address ::1."""
    with socket.socket(socket.AF_INET6) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            return False
    return True


def ask(url: str, path: str) -> httpx.Response:
    return httpx.get(f"{url}{path}", trust_env=False, timeout=30, verify=AUTHORITIES)


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_one_address_takes_both_families_and_tells_them_apart(tmp_path) -> None:
    # Nothing is said about the site's own URL: it follows from where the server listens.
    with running_server(tmp_path, server_host="::", site_url="", limit_address="20") as server:
        urls = (f"http://[::1]:{server.port}", f"http://127.0.0.1:{server.port}")
        for url in urls:
            links = ask(url, "/api/v1").text
            assert f"http://[::1]:{server.port}/" in links and "127.0.0.1" not in links
        assert 429 in [ask(urls[0], "/about").status_code for _ in range(30)]
        # Their addresses are those of their families: one flood does not use up the turns of the other.
        assert ask(urls[1], "/about").status_code == 200
        server.await_log(client="127.0.0.1")
        server.await_log(client="::1")


def test_a_server_that_waits_for_the_database_is_alive(tmp_path) -> None:
    with running_server(tmp_path, server_threads="2") as server:
        with closing(sqlite3.connect(tmp_path / "marketplace.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            uploads = [threading.Thread(target=upload, args=(server.url, number)) for number in range(6)]
            for thread in uploads:
                thread.start()

            def is_stuck() -> bool:
                try:
                    httpx.get(f"{server.url}/about", trust_env=False, timeout=0.5, verify=AUTHORITIES)
                except httpx.TimeoutException:
                    return True
                return False

            wait_for(is_stuck)
            assert [ask(server.url, "/healthz").status_code for _ in range(5)] == [200] * 5
            other.execute("ROLLBACK")
        for thread in uploads:
            thread.join(HANGING)
        assert ask(server.url, "/about").status_code == 200


def upload(url: str, number: int) -> None:
    data = signed(image(content=f"waits {number}"))
    answer = httpx.post(
        f"{url}/metadata",
        content=data,
        headers={"Content-Type": "text/xml"},
        trust_env=False,
        timeout=90,
        verify=AUTHORITIES,
    )
    assert answer.status_code == 201
