"""The federation demo beside other programs."""

from __future__ import annotations

import socket

import pytest

from marketplace.demo import federation
from marketplace.demo.federation import free_ports


def test_ports_that_are_taken_are_left_alone(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        monkeypatch.setattr(federation, "FIRST", port - 1)
        monkeypatch.setattr(federation, "LAST", port + 90)
        found = free_ports()
        assert port not in found and found[0] > port
        monkeypatch.setattr(federation, "LAST", port + 1)
        with pytest.raises(SystemExit, match="no three free ports"):
            free_ports()
