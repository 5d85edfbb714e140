"""The webhooks that are kept, as one transaction sees them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from marketplace.accounts.groups import GroupService
from marketplace.audit import AuditLog, Detail
from marketplace.events import Events
from marketplace.locations import AddressGuard
from marketplace.models import Webhook
from marketplace.webhooks.definitions import AskedWebhook, EventFilters, Hook, check, find_log
from marketplace.webhooks.deliveries import Deliveries
from marketplace.webhooks.errors import (
    MemberFault,
    SecretKeyError,
    WebhookDefinitionError,
    WebhookNotFoundError,
)
from marketplace.webhooks.secrets import SecretBox
from marketplace.webhooks.selection import verify_view
from marketplace.webhooks.signature import make_secret, spell_secret

#: Webhooks of one owner.
MOST_OF_OWNER = 20
#: How long the former secret signs too after a new one was made.
ROTATION = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Made:
    """A webhook and its secret, which is shown this once."""

    hook: Hook
    secret: str = field(repr=False)


class WebhookRegistry:
    """Makes, finds and changes webhooks.

    Args:
        box: keeps their secrets.
        guard: says which addresses may be asked.
    """

    def __init__(self, session: Session, box: SecretBox, guard: AddressGuard) -> None:
        self._session = session
        self._box = box
        self._guard = guard

    def create(
        self,
        asked: AskedWebhook,
        *,
        owner: str,
        token: str | None = None,
        secret: bytes | None = None,
        by: str,
        at: datetime,
    ) -> Made:
        """Make a webhook; it is told of what happens from now on.

        Args:
            owner: by whose rights it is told.
            token: public name of the token that it is made with, which takes it along when it is revoked.
            secret: that signs; None: a new one.
            by: the actor, for the audit log.

        Raises:
            WebhookDefinitionError: it cannot be as it is asked to be.
            SecretKeyError: its secret cannot be kept.
        """
        self._check(asked)
        mine = select(func.count()).select_from(Webhook).where(Webhook.owner == owner)
        if (self._session.scalar(mine) or 0) >= MOST_OF_OWNER:
            raise WebhookDefinitionError(
                MemberFault("", f"{owner} has {MOST_OF_OWNER} webhooks already: delete one first")
            )
        self._verify_group(asked.audience)
        name, secret = secrets.token_hex(8), secret or make_secret()
        row = {
            "name": name,
            **_written(asked),
            "owner": owner,
            "audience": asked.audience,
            "token": token,
            "secret": self._box.seal(secret, name),
            "position": Events(self._session).end(),
            "created_at": at,
        }
        self._session.execute(insert(Webhook).values(row))
        AuditLog(self._session).record(by, "webhook.create", name, {"owner": owner, **_details(asked)}, at=at)
        return Made(self.get(name), spell_secret(secret))

    def change(
        self, name: str, asked: AskedWebhook, *, token: str | None = None, by: str, at: datetime
    ) -> Hook:
        """Change where the events of a webhook go, and which it is told of from now on.

        What waits goes to the new address, at once.

        Args:
            token: public name of the token that it is changed with, which takes it along when it is revoked,
                instead of the one that it was made with; None leaves that one.

        Raises:
            WebhookNotFoundError: there is none.
            WebhookDefinitionError: it cannot be as it is asked to be.
        """
        hook = self.get(name)
        if asked.audience != hook.audience:
            raise WebhookDefinitionError(
                MemberFault(
                    "audience", f"audience stays {hook.audience}: make another webhook for other events"
                )
            )
        self._check(asked)
        moved = {"failing_since": None} if asked.url != hook.url else {}
        self._update(hook.key, **_written(asked), **moved, token=token or hook.token)
        if moved:
            Deliveries(self._session).hurry(hook, at)
        AuditLog(self._session).record(by, "webhook.change", name, _details(asked), at=at)
        return self.get(name)

    def get(self, name: str) -> Hook:
        """A webhook by its name.

        Raises:
            WebhookNotFoundError: there is none.
        """
        row = self._session.scalar(_ROWS.where(Webhook.name == name))
        if row is None:
            raise WebhookNotFoundError
        return read_hook(row)

    def list(self, owner: str | None = None) -> list[Hook]:
        """Every webhook, or those of one owner; the oldest first."""
        statement = _ROWS.order_by(Webhook.id)
        if owner is not None:
            statement = statement.where(Webhook.owner == owner)
        return [read_hook(row) for row in self._session.scalars(statement)]

    def delete(self, name: str, *, by: str, at: datetime) -> None:
        """Forget a webhook with its deliveries.

        Raises:
            WebhookNotFoundError: there is none.
        """
        gone = self._session.scalar(delete(Webhook).where(Webhook.name == name).returning(Webhook.name))
        if gone is None:
            raise WebhookNotFoundError
        AuditLog(self._session).record(by, "webhook.delete", name, at=at)

    def rotate(self, name: str, *, secret: bytes | None = None, by: str, at: datetime) -> Made:
        """Give a webhook another secret. For a day the former one signs too, so that no delivery is refused.

        Args:
            secret: that signs from now on; None: a new one. The one that it has already changes nothing.

        Raises:
            WebhookNotFoundError: there is none.
            SecretKeyError: the secret cannot be kept.
        """
        hook = self.get(name)
        former = self._session.scalars(select(Webhook.secret).where(Webhook.name == name)).one()
        values: dict[str, Any] = {"former_secret": former, "former_until": at + ROTATION}
        try:
            if secret is not None and secret == self._box.open(former, name):
                return Made(hook, spell_secret(secret))
            self._box.open(former, name)
        except SecretKeyError:  # its key is lost: a new secret is the way out
            values = {"former_secret": None, "former_until": None}
        secret = secret or make_secret()
        self._update(hook.key, secret=self._box.seal(secret, name), **values)
        AuditLog(self._session).record(by, "webhook.rotate", name, at=at)
        return Made(self.get(name), spell_secret(secret))

    def enable(self, name: str, *, by: str, at: datetime) -> Hook:
        """Let a webhook be told again of what happens from now on, and of what still waits.

        Raises:
            WebhookNotFoundError: there is none.
        """
        hook = self.get(name)
        if hook.disabled_at is not None:
            end = Events(self._session).end()
            self._update(hook.key, disabled_at=None, disabled_reason=None, failing_since=None, position=end)
            Deliveries(self._session).hurry(hook, at)
            AuditLog(self._session).record(by, "webhook.enable", name, at=at)
        return self.get(name)

    def disable(self, name: str, reason: str, *, by: str, at: datetime) -> Hook:
        """Tell a webhook nothing any more, until it is enabled again.

        Raises:
            WebhookNotFoundError: there is none.
        """
        hook = self.get(name)
        if hook.disabled_at is None:
            self._update(hook.key, disabled_at=at, disabled_reason=reason)
            AuditLog(self._session).record(by, "webhook.disable", name, {"reason": reason}, at=at)
        return self.get(name)

    def keys(self, hook: Hook, now: datetime) -> tuple[bytes, ...]:
        """The secrets that sign now, the newest first.

        Raises:
            SecretKeyError: they cannot be decrypted.
        """
        row = self._session.execute(
            select(Webhook.secret, Webhook.former_secret, Webhook.former_until).where(Webhook.id == hook.key)
        ).one()
        sealed = [row.secret]
        if row.former_secret is not None and row.former_until is not None and now < row.former_until:
            sealed.append(row.former_secret)
        return tuple(self._box.open(one, hook.name) for one in sealed)

    def _update(self, key: int, **values: object) -> None:
        self._session.execute(
            update(Webhook)
            .where(Webhook.id == key)
            .values(**values)
            .execution_options(synchronize_session=False)
        )

    def _check(self, asked: AskedWebhook) -> None:
        check(asked, self._guard)
        if asked.filters.view is not None:
            verify_view(self._session, asked.filters.view, find_log(asked.audience))

    def _verify_group(self, audience: str) -> None:
        group = audience.partition(":")[2]
        if group and not GroupService(self._session).living({group}):
            raise WebhookDefinitionError(MemberFault("audience", "there is no group of this name"))


def _written(asked: AskedWebhook) -> dict[str, Any]:
    """What of it the table stores and a change replaces."""
    return {"url": asked.url, "description": asked.description, "filters": asked.filters.to_json()}


def _details(asked: AskedWebhook) -> dict[str, Detail]:
    return {"url": asked.url, "audience": asked.audience, "filters": asked.filters.to_json()}


#: A row in the identity map could be older than the database: an update goes past it.
_ROWS = select(Webhook).execution_options(populate_existing=True)


def read_hook(row: Webhook) -> Hook:
    """A webhook as its row has it."""
    return Hook(
        key=row.id,
        name=row.name,
        url=row.url,
        owner=row.owner,
        audience=row.audience,
        token=row.token,
        description=row.description,
        filters=EventFilters.from_json(row.filters),
        position=row.position,
        created_at=row.created_at,
        rotating_until=row.former_until,
        failing_since=row.failing_since,
        disabled_at=row.disabled_at,
        disabled_reason=row.disabled_reason,
    )
