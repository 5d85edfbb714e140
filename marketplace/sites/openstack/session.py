"""Requests to one cloud's Glance: token, endpoint, bounded answers, and another try where that helps."""

from __future__ import annotations

import re
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from json import JSONDecodeError, loads
from typing import Any, Final

import httpx

from marketplace.authorities import get_authorities
from marketplace.sites.errors import StoreError, StoreFullError
from marketplace.sites.openstack.clouds import Cloud

#: Pauses in seconds before another try: a cloud that is restarted, a locked table.
_PAUSES: Final = (0.2, 1.0, 3.0)
_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})
#: An answer that is no image may take so many times as long as a connection may be silent.
_LONGEST: Final = 5
_MOST_ANSWER: Final = 32 << 20
#: Seconds before its end from which on a token is renewed.
_EARLY: Final = 60.0
_HEADING = re.compile(r"<(title|h1)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    endpoint: str
    project: str | None
    ends: float


@dataclass(frozen=True, slots=True)
class GlanceAnswer:
    """An answer of Glance."""

    status: int
    data: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The JSON object in the answer.

        Raises:
            StoreError: it is none.
        """
        try:
            read = loads(self.data)
        except (JSONDecodeError, UnicodeDecodeError, RecursionError):
            read = None
        if not isinstance(read, dict):
            raise StoreError("Glance's answer is not a JSON object")
        return read

    @property
    def reason(self) -> str:
        """The reason of a refusal, on one line."""
        text = self.data[:4096].decode("utf-8", "replace")
        # In HTML title and heading say what the status says.
        text = " ".join(_TAG.sub(" ", _HEADING.sub(" ", text)).split())
        return f"{self.status} {text[:300]}".rstrip()


class CloudSession:
    """Asks one cloud; safe to share between threads.

    Args:
        store: name of the store, for messages.
        idle: seconds without a byte after which an answer is given up.
    """

    def __init__(self, cloud: Cloud, store: str, idle: float) -> None:
        self._cloud = cloud
        self._store = store
        self._idle = idle
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._made: httpx.Client | None = None

    @property
    def project(self) -> str | None:
        """The project that owns what this session makes; None without Keystone.

        Raises:
            StoreError: Keystone does not answer, or refuses the credentials.
        """
        return self._current().project

    @property
    def endpoint(self) -> str:
        """The address of Glance.

        Raises:
            StoreError: Keystone does not answer, or knows none.
        """
        return self._current().endpoint

    def ask(self, method: str, path: str, allowed: Iterable[int] = (), **request: Any) -> GlanceAnswer:
        """A request that can be repeated.

        Args:
            path: below the endpoint, such as ``/v2/images``.
            allowed: statuses that are no fault, besides the successful ones.

        Raises:
            StoreFullError: the cloud has no room or no quota left.
            StoreError: anything else.
        """
        for pause in (*_PAUSES, None):
            try:
                with self.stream(method, path, **request) as response:
                    answer = self.read(response)
            except httpx.TransportError as error:
                if pause is None or _is_distrust(error):
                    raise self.error(path, error) from None
            else:
                if answer.status not in _TRANSIENT or pause is None or answer.status in allowed:
                    return self.judge(answer, method, path, allowed)
            time.sleep(pause)  # between two tries of a service that may come back
        raise AssertionError("the last try ends the loop")

    @contextmanager
    def stream(self, method: str, path: str, **request: Any) -> Iterator[httpx.Response]:
        """One request, whose answer is read by the caller.

        Raises:
            StoreError: there is no token to be had.
            httpx.TransportError: Glance is not reached.
        """
        token = self._current()
        repeatable = "content" not in request or isinstance(request["content"], bytes)
        with self._send(method, token, path, request) as response:
            if response.status_code != 401 or not token.value or not repeatable:
                yield response
                return
        # The token was taken back before its time.
        with self._send(method, self._current(instead_of=token), path, request) as response:
            yield response

    def judge(
        self, answer: GlanceAnswer, method: str, path: str, allowed: Iterable[int] = ()
    ) -> GlanceAnswer:
        """Return an answer, or raise its refusal.

        Raises:
            StoreFullError, StoreError: it refuses.
        """
        if answer.status < 300 or answer.status in allowed:
            return answer
        message = f"store {self._store}: Glance refuses {method} {path.split('?')[0]}: {answer.reason}"
        if answer.status in (413, 507):
            raise StoreFullError(message)
        raise StoreError(message)

    def error(self, path: str, error: Exception) -> StoreError:
        """What a broken connection is to a site."""
        what = "does not answer in time" if isinstance(error, httpx.TimeoutException) else str(error)[:300]
        return StoreError(
            f"store {self._store}: Glance: {path.split('?')[0]}: {what or type(error).__name__}"
        )

    def _send(self, method: str, token: _Token, path: str, request: dict[str, Any]) -> Any:
        headers = {"Accept-Encoding": "identity", **request.get("headers", {})}
        if token.value:
            headers["X-Auth-Token"] = token.value
        return self._http().stream(method, token.endpoint + path, **{**request, "headers": headers})

    def read(self, response: httpx.Response) -> GlanceAnswer:
        """An answer as a whole.

        Raises:
            StoreError: it has no end, or comes too slowly.
        """
        data = b""
        ends = time.monotonic() + _LONGEST * self._idle
        for piece in response.iter_raw():
            data += piece
            if time.monotonic() > ends:
                raise StoreError(f"store {self._store}: Glance answers too slowly")
            if len(data) > _MOST_ANSWER:
                raise StoreError(f"store {self._store}: Glance answers with more than {_MOST_ANSWER} bytes")
        return GlanceAnswer(response.status_code, data)

    def _http(self) -> httpx.Client:
        with self._lock:
            if self._made is None:
                context = self._tls()
                # A few requests an image: no connection is kept, so none is stale when it is needed.
                self._made = httpx.Client(
                    timeout=self._idle,
                    verify=context,
                    follow_redirects=False,
                    trust_env=False,
                    limits=httpx.Limits(max_keepalive_connections=0),
                )
            return self._made

    def _tls(self) -> ssl.SSLContext:
        cloud = self._cloud
        if cloud.cacert is None and cloud.cert is None:
            return get_authorities()
        what = f"cacert {cloud.cacert}"
        try:
            context = ssl.create_default_context(cafile=cloud.cacert)
            if cloud.cert is not None:
                what = f"cert {cloud.cert}" + (f" with key {cloud.key}" if cloud.key else "")
                # An empty password: nobody is asked for one.
                context.load_cert_chain(cloud.cert, cloud.key, password="")
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
            raise StoreError(
                f"store {self._store}: {what} of cloud {cloud.name} in clouds.yaml cannot be used: {reason}"
            ) from None
        return context

    def _current(self, instead_of: _Token | None = None) -> _Token:
        http = self._http()
        with self._lock:
            known = self._token
            if known is None or known.ends < time.time() + _EARLY or known is instead_of:
                known = self._token = self._ask_for_token(http)
            return known

    def _ask_for_token(self, http: httpx.Client) -> _Token:
        cloud = self._cloud
        if not cloud.auth_url:
            assert cloud.endpoint is not None  # noqa: S101  # clouds.py holds it
            return _Token("", _without_version(cloud.endpoint), None, float("inf"))
        where = f"store {self._store}: Keystone at {cloud.auth_url}"
        answer: GlanceAnswer | None = None
        for pause in (*_PAUSES, None):
            try:
                with http.stream(
                    "POST", f"{cloud.auth_url}/v3/auth/tokens", json={"auth": cloud.identity}
                ) as response:
                    answer = self.read(response)
                    value = response.headers.get("X-Subject-Token", "")
            except httpx.TransportError as error:
                if pause is None or _is_distrust(error):
                    raise StoreError(f"{where} is not reached: {str(error)[:300]}") from None
            else:
                if answer.status not in _TRANSIENT or pause is None:
                    break
            time.sleep(pause)  # as above
        assert answer is not None  # noqa: S101  # the loop ends with one
        if answer.status == 401:
            raise StoreError(f"{where} refuses the credentials of cloud {cloud.name} in clouds.yaml (401)")
        if answer.status != 201 or not value:
            raise StoreError(f"{where} gives no token: {answer.reason}")
        return self._token_of(value, answer, where)

    def _token_of(self, value: str, answer: GlanceAnswer, where: str) -> _Token:
        try:
            said = answer.json["token"]
            ends = datetime.fromisoformat(said["expires_at"])
            ends = ends if ends.tzinfo else ends.replace(tzinfo=UTC)
            project = said.get("project", {}).get("id")
            found = [
                (one["region_id"], one["interface"], one["url"])
                for service in said.get("catalog", [])
                if service["type"] == "image"
                for one in service["endpoints"]
            ]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise StoreError(f"{where} answers with a token that cannot be read") from None
        if not project:
            raise StoreError(f"{where}: the credentials are for no project, and images belong to one")
        cloud = self._cloud
        fits = [u for region, kind, u in found if kind == cloud.interface and cloud.region in (None, region)]
        endpoint = cloud.endpoint or next(iter(fits), None)
        if endpoint is None:
            known = ", ".join(sorted(f"{region} {kind}" for region, kind, _ in found)) or "none at all"
            raise StoreError(
                f"{where}: its catalogue has no {cloud.interface} endpoint of the image service in region "
                f"{cloud.region or 'any'} (it has {known}); see region_name and interface in clouds.yaml"
            )
        return _Token(value, _without_version(str(endpoint)), str(project), ends.timestamp())


def _is_distrust(error: BaseException) -> bool:
    """Whether a connection failed because the server is not whom it says it is: no other try helps."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _without_version(endpoint: str) -> str:
    return re.sub(r"/v2(\.[0-9]+)?$", "", endpoint.rstrip("/"))
