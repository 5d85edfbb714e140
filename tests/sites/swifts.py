"""A real Swift that speaks S3, in the environment that ``make openstack`` makes."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.functional.running import free_port
from tests.sites.daemons import await_true
from tests.sites.openstacks import VENV, require_openstack
from tests.waiting import HANGING

KEY, SECRET = "site:importer", "secretkey"
#: Bytes that one object, or one part of it, may have.
MOST = 8 << 20
_PROGRAM = Path(__file__).parent / "openstack" / "swift_servers.py"


@dataclass(frozen=True)
class Swift:
    """Four servers: what is asked, and what lies behind."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def client(self) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required")
        return boto3.client(
            "s3", endpoint_url=self.url, aws_access_key_id=KEY, aws_secret_access_key=SECRET,
            region_name="us-east-1", config=config,
        )  # fmt: skip


@contextmanager
def running_swift(folder: Path) -> Iterator[Swift]:
    """All of it, until the end of the block."""
    require_openstack()
    ports = [free_port() for _ in range(4)]
    with (folder / "swift.log").open("wb") as log:
        process = subprocess.Popen(
            [VENV / "bin" / "python", _PROGRAM, folder, *map(str, ports), KEY, SECRET, str(MOST)],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    swift = Swift(f"http://127.0.0.1:{ports[0]}", folder, process)

    def answers() -> bool:
        assert process.poll() is None, (folder / "swift.log").read_text()[-3000:]
        try:
            swift.client.list_buckets()
        except Exception:  # whatever it says until all four are there
            return False
        return True

    try:
        await_true(answers, "Swift answers", HANGING)
        yield swift
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
