"""A provider that lies: a real HTTP server on loopback whose every answer a test may alter."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

Handler = BaseHTTPRequestHandler
CLIENT = "site"


@cache
def make_key(name: str) -> RSAKey:
    """A key, made once a process: it takes longer than all answers."""
    return RSAKey.generate_key(2048, {"kid": name})


@dataclass
class Liar:
    """What it says; honest until a test alters it."""

    url: str = ""
    key: RSAKey = field(default_factory=lambda: make_key("one"))
    #: Altered descriptions, keys, tokens and claims: by what they are called, a function of the honest one.
    lies: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    #: Answers that are no JSON of these: by path, a function of the request.
    instead: dict[str, Callable[[Handler], None]] = field(default_factory=dict)
    nonce: str = ""
    asked: list[str] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)

    def description(self) -> Any:
        told = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/auth",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "userinfo_endpoint": f"{self.url}/me",
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        return self._told("description", told)

    def keys(self) -> Any:
        public = {**self.key.as_dict(private=False), "use": "sig", "alg": "RS256"}
        return self._told("keys", {"keys": [public]})

    def claims(self) -> Any:
        now = int(time.time())
        told = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": "1",
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "email": "ann@example.org",
            "email_verified": True,
            "groups": ["staff"],
        }
        return self._told("claims", told)

    def tokens(self) -> Any:
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, self.claims(), self.key, ["RS256"])
        return self._told("tokens", {"access_token": "secret", "token_type": "Bearer", "id_token": signed})

    def userinfo(self) -> Any:
        return self._told("userinfo", {"sub": "1", "groups": ["from userinfo"]})

    def _told(self, what: str, honest: Any) -> Any:
        return self.lies.get(what, lambda same: same)(honest)


def signed(liar: Liar, header: dict[str, Any], key: RSAKey | OctKey) -> Callable[[Any], Any]:
    """A lie about tokens: the honest claims, signed in another way."""

    def lie(honest: Any) -> Any:
        return {**honest, "id_token": jwt.encode(header, liar.claims(), key, [str(header["alg"])])}

    return lie


@contextmanager
def lying_provider() -> Iterator[Liar]:
    """Run one."""
    liar = Liar()
    paths = {
        "/.well-known/openid-configuration": liar.description,
        "/jwks": liar.keys,
        "/token": liar.tokens,
        "/me": liar.userinfo,
    }

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            liar.asked.append(self.path)
            if (odd := liar.instead.get(self.path)) is not None:
                odd(self)
                return
            body = json.dumps(paths[self.path]()).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            liar.forms.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    liar.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield liar
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
