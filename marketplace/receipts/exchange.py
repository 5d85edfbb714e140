"""How receipts are sent and answered: ``POST /api/v1/receipts``, both sides."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from marketplace.receipts.receipt import MAX_RECEIPT, ReceiptFormatError
from marketplace.tlog.note import VerifierKey

#: Most receipts of one request, and bytes of its body.
MOST_RECEIPTS: Final = 100
MAX_REQUEST: Final = 2 * MOST_RECEIPTS * MAX_RECEIPT


class ReceiptOutcome(StrEnum):
    """What became of a receipt. After any of them it is not to be sent again."""

    #: It is kept.
    KEPT = "kept"
    #: This receipt, or a later one about the same, is kept already.
    KNOWN = "known"
    #: It is not taken; code and message say why.
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one receipt of a request.

    Args:
        code: stable name of the reason, where it was refused.
        message: one sentence, where it was refused.
    """

    outcome: ReceiptOutcome
    code: str | None = None
    message: str | None = None


def write_request(key: VerifierKey, receipts: Sequence[bytes]) -> bytes:
    """The body of a request (``application/json``).

    Args:
        key: of the site that signed the receipts.
        receipts: signed ones, at most MOST_RECEIPTS, in the order in which they were made.

    Raises:
        ValueError: there are none, or too many.
    """
    if not 0 < len(receipts) <= MOST_RECEIPTS:
        raise ValueError(f"a request carries 1-{MOST_RECEIPTS} receipts")
    return json.dumps({"key": str(key), "receipts": [one.decode() for one in receipts]}).encode()


def parse_answer(body: bytes, sent: int) -> tuple[Result, ...]:
    """Read the answer to a request.

    Args:
        sent: receipts of the request; the answer has one result for each, in their order.

    Raises:
        ReceiptFormatError: it is no such answer.
    """
    try:
        results = json.loads(body)["results"]
        if not isinstance(results, list) or len(results) != sent:
            raise ValueError
        return tuple(map(_read, results))
    except (ValueError, LookupError, TypeError, RecursionError):
        raise ReceiptFormatError(
            "the server does not answer like a marketplace that accepts receipts: check the address"
        ) from None


def _read(result: Any) -> Result:
    if not isinstance(result, dict):
        raise TypeError
    code, message = result.get("code"), result.get("message")
    if not isinstance(code, str | None) or not isinstance(message, str | None):
        raise TypeError
    return Result(ReceiptOutcome(result["outcome"]), code, message)
