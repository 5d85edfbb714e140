"""Turns what a marketplace answers into values or typed errors. Every answer is hostile until read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from marketplace.client.errors import (
    ClientError,
    EntryConflictError,
    EntryNotFoundError,
    EntryRefusedError,
    InvalidEntryError,
    NoMarketplaceError,
    NotPermittedError,
    QuestionRefusedError,
    TransportError,
)
from marketplace.client.transport import HttpAnswer

_SHOWN = 300


@dataclass(frozen=True)
class Tried:
    """What an upload would come to.

    Args:
        held: the endorser would be asked by mail first.
        note: what the marketplace says of the last step.
        advice: what it says that sites will miss: code, element and sentence of each.
    """

    held: bool
    note: str
    advice: tuple[tuple[str, str, str], ...] = ()


_NO_ENTRY = "metadata entry not found."
_MOST_ADVICE = 100
#: How every marketplace of this kind says so.
_EMPTY_LIST = "no metadata matching query found"
_GATE, _CONFLICT = 8, "conflict.coordinates"
_BY_STATUS: dict[int, type[ClientError]] = {
    400: InvalidEntryError,
    401: NotPermittedError,
    403: NotPermittedError,
    404: EntryNotFoundError,
    409: EntryConflictError,
    410: EntryNotFoundError,
    413: EntryRefusedError,
    429: TransportError,
}


def get_error(answer: HttpAnswer) -> ClientError:
    """The error that an unsuccessful answer stands for, with the marketplace's own reason in it."""
    reason, rule = _reason(answer)
    if 300 <= answer.status < 400:
        moved = answer.headers.get("Location", "an unknown address")
        return TransportError(f"the marketplace has moved to {printable(moved)}; use that as the endpoint")
    if answer.status in (404, 405, 410) and not _is_of_a_marketplace(answer):
        return NoMarketplaceError(
            f"the server answers with status {answer.status}, which is not a marketplace's answer: "
            "check the endpoint"
        )
    kind = _BY_STATUS.get(answer.status, TransportError if answer.status >= 500 else ClientError)
    if rule in ("audience.private", "audience.other-group") or (
        rule is not None and rule.startswith(("gate.", "confirmation."))
    ):
        kind = EntryRefusedError
    elif rule is not None and rule.startswith(("search.", "query.by", "query.from", "query.to")):
        kind = QuestionRefusedError if answer.status == 400 else kind
    if answer.status == 401:
        reason = f"{reason or 'a token is needed'} (see MARKETPLACE_TOKEN)"
    return kind(reason or f"the marketplace answered with status {answer.status}", rule)


def is_empty_list(answer: HttpAnswer) -> bool:
    """Whether an answer is a marketplace's word that nothing fits its list."""
    return answer.status == 404 and _is_of_a_marketplace(answer) and _EMPTY_LIST.encode() in answer.body


def parse_json(answer: HttpAnswer) -> Any:
    """Read a JSON answer.

    Raises:
        TransportError: the body is no JSON.
    """
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise TransportError("the marketplace's answer is not valid JSON") from None


def parse_tried(report: Any) -> Tried:
    """Read the report of a dry run.

    Raises:
        EntryRefusedError, EntryConflictError: the gate would refuse the upload.
        InvalidEntryError: an earlier step would.
        TransportError: it is no such report.
    """
    steps = report.get("steps") if isinstance(report, dict) else None
    if not isinstance(steps, list) or not steps or not all(isinstance(step, dict) for step in steps):
        raise TransportError("the marketplace's report is not valid")
    verdict = report.get("verdict")
    told = next((step for step in steps if step.get("outcome") == "failed"), steps[-1])
    note, code = printable(str(told.get("message"))), printable(str(told.get("code")))
    if verdict in ("accepted", "held"):
        return Tried(verdict == "held", note, _advice(report))
    if verdict != "refused":
        raise TransportError("the marketplace's report is not understood")
    kind = InvalidEntryError if told.get("step") != _GATE else EntryRefusedError
    raise (EntryConflictError if code == _CONFLICT else kind)(note, code)


def _advice(report: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """The advice of a report; marketplaces of other kinds give none."""
    told = report.get("advice")
    records = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    code, element, message = (
        [printable(str(one.get(name, ""))) for one in records[:_MOST_ADVICE]]
        for name in ("code", "element", "message")
    )
    return tuple(zip(code, element, message, strict=True))


def parse_verdict(found: Any) -> dict[str, Any]:
    """Read a verdict on an image. What is not wholly understood is never taken for a yes.

    Raises:
        TransportError: it does not have the shape of one.
    """
    if (
        not isinstance(found, dict)
        or not isinstance(found.get("allowed"), bool)
        or not isinstance(found.get("sentence"), str)
        or not all(
            isinstance(found.get(name), list) and all(isinstance(one, dict) for one in found[name])
            for name in ("reasons", "rules", "statements", "checksums")
        )
        or (found["allowed"] and found["reasons"])
    ):
        raise TransportError("the marketplace's answer is not a verdict")
    return found


def printable(text: str) -> str:
    """Text from a marketplace, safe and short enough for one line on a terminal."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "..."


def _is_of_a_marketplace(answer: HttpAnswer) -> bool:
    """Whether an error has the form of a marketplace's errors: any web server can answer 404."""
    reason, rule = _reason(answer)
    if rule is not None or answer.body.lstrip().startswith((b"<error>", f'{{"{answer.status}"'.encode())):
        return True
    return reason in (_EMPTY_LIST, _NO_ENTRY)


def _reason(answer: HttpAnswer) -> tuple[str, str | None]:
    """The reason and rule in a problem (RFC 9457), or the reason in the older ``{"400": reason}``."""
    try:
        problem = json.loads(answer.body)
    except (ValueError, RecursionError):
        problem = None
    if not isinstance(problem, dict):
        media_type = answer.headers.get("Content-Type", "")
        text = answer.body.decode("utf-8", "replace").strip() if media_type.startswith("text/plain") else ""
        return printable(text), None
    candidates = (problem.get("detail"), problem.get("title"), problem.get(str(answer.status)))
    reason = next((each for each in candidates if isinstance(each, str) and each), "")
    rule = problem.get("code")
    return printable(reason), printable(rule) if isinstance(rule, str) else None
