"""Asks a provider: bounded in bytes and time, without following it anywhere, JSON objects only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from marketplace.client.errors import OversizeError, TransportError
from marketplace.client.transport import HttpAnswer, TransferLimits, Transport
from marketplace.oidc.errors import ProviderAnswerError, ProviderAwayError

#: Bytes of an answer: discovery, keys and tokens have a few thousand.
MOST_BYTES = 256 * 1024
_FORM = "application/x-www-form-urlencoded"


class Contact:
    """Sends requests to one sign-in provider.

    Args:
        seconds: for each request, from the connection to the last byte.
    """

    def __init__(self, seconds: float) -> None:
        self._limits = TransferLimits(
            seconds, seconds, seconds, seconds, redirects=0, session_seconds=seconds
        )

    def get(self, url: str, what: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Read an object.

        Args:
            what: how sentences call it.

        Raises:
            ProviderAwayError, ProviderAnswerError: there is none.
        """
        answer = self._send(url, what, None, headers or {})
        return self._object(answer, what, (200,))

    def post(self, url: str, what: str, body: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """Send a form and read the object that answers it, an error of OAuth (400, 401) included.

        Raises:
            ProviderAwayError, ProviderAnswerError: there is none.
        """
        return self._object(self._send(url, what, body, headers), what, (200, 400, 401))

    def _send(self, url: str, what: str, body: str | None, headers: Mapping[str, str]) -> HttpAnswer:
        transport = Transport(url, self._limits)
        try:
            if body is None:
                return transport.get("", accept="application/json", limit=MOST_BYTES, headers=headers)
            return transport.post(
                "",
                body.encode(),
                content_type=_FORM,
                accept="application/json",
                limit=MOST_BYTES,
                headers=headers,
            )
        except OversizeError:
            raise ProviderAnswerError(
                f"{what} of the sign-in provider has more than {MOST_BYTES} bytes"
            ) from None
        except TransportError as error:
            host = urlsplit(url).netloc
            reason = str(error).replace(url, host)
            raise ProviderAwayError(
                f"the sign-in provider cannot be reached: {reason}; try again later, or sign in with a token"
            ) from None
        finally:
            transport.close()

    def _object(self, answer: HttpAnswer, what: str, statuses: tuple[int, ...]) -> dict[str, Any]:
        if 300 <= answer.status < 400:
            raise ProviderAnswerError(
                f"{what} of the sign-in provider redirects to another address, and redirects are not followed"
            )
        if answer.status >= 500 or answer.status == 429:
            raise ProviderAwayError(
                f"the sign-in provider has a fault (it answers {answer.status}): try again later"
            )
        if answer.status not in statuses:
            raise ProviderAnswerError(f"{what} of the sign-in provider is answered with {answer.status}")
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise ProviderAnswerError(f"{what} of the sign-in provider is not a JSON object")
        return found
