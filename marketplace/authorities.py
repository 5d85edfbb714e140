"""The authorities whose certificates other servers may show (docs/adr/0082-one-set-of-authorities.md)."""

from __future__ import annotations

import os
import ssl
from functools import cache

import httpcore


def get_authorities() -> ssl.SSLContext:
    """What connections to other servers over TLS share: the authorities that the system trusts.

    ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name others. A system without any gets those that come with the
    HTTP library. Nobody may change the context; the HTTP library sets its protocols at each connection.
    """
    # Reading them takes 30 ms, longer than a hundred requests.
    return _read(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@cache
def _read(file: str | None, folder: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    # Where a file was named and is missing, no other authorities are used instead.
    if file or folder or context.cert_store_stats()["x509"]:
        return context
    return httpcore.default_ssl_context()
