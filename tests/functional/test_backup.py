"""Backup and restore as docs/operations.md tells it: copied while uploads go on, put back, proved whole."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

from tests.factories.documents import image, signed
from tests.functional.running import RunningServer, running_server
from tests.launching import COMMAND, run_text
from validators import accept


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run_text([*COMMAND, *arguments])


def upload_until(server: RunningServer, stop: threading.Event, confirmed: list[bytes]) -> None:
    number = 0
    with server.client() as client:
        while not stop.is_set():
            data = signed(image(content=f"backup {number}"))
            headers = {"Content-Type": "application/xml"}
            if client.post("/metadata", content=data, headers=headers).status_code == 201:
                confirmed.append(data)
            number += 1


def test_a_copy_taken_while_entries_arrive_restores_everything_confirmed_before(tmp_path: Path) -> None:
    live, restored = tmp_path / "live", tmp_path / "restored"
    live.mkdir(), restored.mkdir()
    stop, confirmed = threading.Event(), []
    with running_server(live) as server:
        uploader = threading.Thread(target=upload_until, args=(server, stop, confirmed))
        uploader.start()
        try:
            while len(confirmed) < 20 and uploader.is_alive():
                stop.wait(0.05)
            before = list(confirmed)
            copied = command("db", "backup", str(restored / "marketplace.sqlite"), "--data", str(live))
        finally:
            stop.set()
            uploader.join()
    assert copied.returncode == 0, copied.stderr
    checked = command("fsck", "--data", str(restored))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    with running_server(restored) as server, server.client() as client:
        for data in before:
            assert client.get(f"/metadata/{accept(data).coordinates.path()}").content == data


def test_a_backup_never_writes_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    assert command("db", "upgrade", "--data", str(tmp_path)).returncode == 0
    refused = command("db", "backup", str(tmp_path / "kept"), "--data", str(tmp_path))
    assert refused.returncode == 1
    assert "exists already" in refused.stderr and "Traceback" not in refused.stderr
    assert (tmp_path / "kept").read_text() == "kept"
