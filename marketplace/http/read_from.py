"""Which requests may be answered from a replica of the database: the one rule.

Those that only read (GET, HEAD), of anybody (no token, no session), and of what people and programs read.
Whoever shows credentials, every write, and what tells of this very process asks the primary, and so do peers:
what was shown to them must be there. A reader who wrote something shows the position that the answer carried
(header or cookie), which the replica must have reached.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pyramid.response import Response
from sqlalchemy.exc import SQLAlchemyError

from marketplace.replica import Replica

#: Carries a position, sealed: how much the database writes is nobody's business.
HEADER = "Marketplace-Position"
_COOKIE = "mp-position"
#: Seconds for which a browser shows the position of what it wrote.
_SHOWN = 60
#: What begins so is answered by the primary.
PRIMARY = (
    "/healthz", "/readyz", "/metrics", "/status", "/login", "/logout", "/account", "/admin", "/action",
    "/fed/", "/federation", "/.well-known/marketplace-federation",
)  # fmt: skip
_SEALED = re.compile(r"[0-9a-f]{32}")
_IN_COOKIE = re.compile(rf"(?:^|;\s*){_COOKIE}=([0-9a-f]{{32}})(?:;|$)")
_CHECK = b"position"

Environ = dict[str, Any]


class ReadFrom:
    """Decides, for one process, which database answers a request.

    Args:
        secret: the same for all processes of a database.
        secure: whether browsers come by https only.
    """

    def __init__(self, replica: Replica, secret: str, *, secure: bool) -> None:
        self.replica = replica
        self._cipher = Cipher(algorithms.AES(sha256(f"position {secret}".encode()).digest()), modes.ECB())  # noqa: S305  # one block, which is unique
        self._secure = "; Secure" if secure else ""

    def find_position(self, environ: Mapping[str, Any]) -> int | None:
        """The position that the replica must have reached to answer a request; None: the primary answers."""
        path: str = environ.get("PATH_INFO", "")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD") or path.startswith(PRIMARY):
            return None
        shown = environ.get(f"HTTP_{HEADER.upper().replace('-', '_')}")
        cookies = environ.get("HTTP_COOKIE", "")
        cookie = _IN_COOKIE.search(cookies)
        if "HTTP_AUTHORIZATION" in environ or _IN_COOKIE.sub("", cookies).strip():
            return None
        sealed = [one for one in (shown, cookie and cookie[1]) if one]
        positions = [self._open(one) for one in sealed]
        # One that cannot be read may be of another key: nobody knows what its reader wrote.
        return None if None in positions else max((one for one in positions if one is not None), default=0)

    def show_position(self, environ: Mapping[str, Any], response: Response) -> None:
        """Have whoever wrote something show it from now on."""
        if environ["REQUEST_METHOD"] in ("GET", "HEAD", "OPTIONS") or response.status_int >= 400:
            return
        try:
            sealed = self._seal(self.replica.position())
        except SQLAlchemyError:
            return  # it was stored; the next reader hears that the database is away
        response.headerlist.append((HEADER, sealed))
        cookie = f"{_COOKIE}={sealed}; Path=/; Max-Age={_SHOWN}; HttpOnly; SameSite=Lax{self._secure}"
        response.headerlist.append(("Set-Cookie", cookie))

    def _seal(self, position: int) -> str:
        encryptor = self._cipher.encryptor()
        return (encryptor.update(position.to_bytes(8, "big") + _CHECK) + encryptor.finalize()).hex()

    def _open(self, sealed: str) -> int | None:
        if not _SEALED.fullmatch(sealed):
            return None
        decryptor = self._cipher.decryptor()
        opened = decryptor.update(bytes.fromhex(sealed)) + decryptor.finalize()
        return int.from_bytes(opened[:8], "big") if opened[8:] == _CHECK else None
