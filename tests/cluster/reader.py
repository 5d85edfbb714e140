"""Reads one address again and again, and says when it was answered: ``python reader.py URL PACE PATIENCE``.

A program of its own, and a small one: the test's process, with all else that it does, may stand still for
seconds on a busy machine, and would count that as a pause of the node. Each line is a moment of the clock
that all processes share, or what was answered instead of what may be.
"""

from __future__ import annotations

import http.client
import sys
import time
from urllib.parse import urlsplit


def main(url: str, pace: float, patience: float) -> None:
    """Go on until this process is ended."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=patience)
    while True:
        try:
            connection.request("GET", f"{parts.path}?{parts.query}")
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()  # the node is away, or the answer took too long
        else:
            if answer.status == 200:
                print(time.monotonic(), flush=True)
            elif answer.status != 503 or answer.headers["Retry-After"] is None:
                print("odd", answer.status, repr(body[:200]), flush=True)
        time.sleep(pace)  # the reader asks at this pace, whatever it is told


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))
