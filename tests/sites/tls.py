"""TLS in front of a server of the tests, as a cloud has it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def behind_tls(port: int, certificate: tuple[Path, Path], clients: Path | None = None) -> Iterator[int]:
    """Take TLS connections and hand on what they say.

    Args:
        port: of the server behind, on this machine.
        certificate: files of certificate and key.
        clients: file of the authorities whose certificates clients have to show; None: none is asked for.

    Yields:
        the port that is asked over TLS.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0))

    # Either side may go away at any moment, and the listener ends with the test.
    def take() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                threading.Thread(target=serve, args=(plain,), daemon=True).start()

    def serve(plain: socket.socket) -> None:
        with (
            suppress(OSError),  # a side that goes away ends the connection: what tests ask of this server
            plain,
            context.wrap_socket(plain, server_side=True) as client,
            socket.create_connection(("127.0.0.1", port)) as server,
        ):
            back = threading.Thread(target=copy, args=(server, client), daemon=True)
            back.start()
            copy(client, server)
            back.join()

    def copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):  # one side is gone
            while piece := source.recv(65536):
                target.sendall(piece)
        with suppress(OSError):  # the other side is gone already
            target.shutdown(socket.SHUT_WR)

    threading.Thread(target=take, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.close()
