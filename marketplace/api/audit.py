"""The record of administrative and private acts, for administrators."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response

from marketplace.audit import AuditLog

from .access import GROUP, reading
from .answers import page
from .cursors import Cursor, encode_cursor, foreign_cursor
from .description import PLAIN_PATTERN, DescribedAnswer, Operation, Parameter
from .parameters import cursor, limit
from .shapes import access as shapes

LIMIT = limit(100, 500)
CURSOR = cursor("api.audit")
ACTOR: Parameter[str | None] = Parameter(
    "actor",
    "only acts of this actor: an owner of tokens, `cli:USER`, or `system`",
    {"type": "string", "pattern": PLAIN_PATTERN},
    lambda text: text,
)
ACTION: Parameter[str | None] = Parameter(
    "action",
    "only this action; with a dot at the end every action of a kind, as in `token.`",
    {"type": "string", "pattern": PLAIN_PATTERN},
    lambda text: text,
)

AUDIT = Operation(
    "api.audit",
    "The audit log",
    "Who did what to tokens, groups, peers and private entries; the newest first. Nothing removes records.",
    GROUP,
    [DescribedAnswer("A page of records.", shapes.AuditShape, headers=("Link",))],
    query=(ACTOR, ACTION, LIMIT, CURSOR),
    errors={400: ["query.actor", "query.action", "query.limit", "query.cursor"]},
    needs="scope `admin`",
)


@AUDIT.view("audit:read")
def audit(request: Request) -> Response:
    """A page of the record."""
    asked = AUDIT.read(request)
    wanted = asked[LIMIT]
    with reading(request) as session:
        acts = AuditLog(session).page(
            before=_before(asked[CURSOR]), limit=wanted + 1, actor=asked[ACTOR], action=asked[ACTION]
        )
    after = (str(acts[wanted - 1].number),) if len(acts) > wanted else None
    body = shapes.AuditShape(records=[shapes.ActShape.model_validate(act) for act in acts[:wanted]])
    return page(request, body, encode_cursor(after, "api.audit"))


def _before(after: Cursor | None) -> int | None:
    if after is None:
        return None
    if len(after) == 1 and after[0].isascii() and after[0].isdigit() and len(after[0]) <= 18:
        return int(after[0])
    raise foreign_cursor()
