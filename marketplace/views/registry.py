"""The views that are kept, as one transaction sees them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from marketplace.accounts.groups import GroupService
from marketplace.accounts.secrets import digest_of, is_view, make_view
from marketplace.audit import AuditLog, Detail
from marketplace.models import NamedView, ViewList
from marketplace.usage import forget_view
from marketplace.views.definitions import BUILT_IN, DEFAULT, Definition, ListFacts, check
from marketplace.views.endorsed_lists import VerifiedList
from marketplace.views.errors import DefinitionError, NoListError, ViewNotFoundError, ViewTakenError


class ViewRegistry:
    """The definitions of views. Views of closed groups are not seen."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, definition: Definition, *, by: str, at: datetime) -> tuple[Definition, str]:
        """Keep a view.

        Returns:
            the view, and the name under which it is asked for: for a secret one an unguessable name that is
            told this once.

        Raises:
            DefinitionError: it cannot be one.
            ViewTakenError: there is one of that name.
        """
        check(definition)
        self._verify_group(definition)
        secret = make_view() if definition.secret else None
        row = {
            **_written(definition),
            "name": definition.name,
            "group_name": definition.group,
            "digest": None if secret is None else digest_of(secret),
            "revision": 1,
            "created_at": at,
            "changed_at": at,
            "changed_by": by,
        }
        try:
            with self._session.begin_nested():
                self._session.execute(insert(NamedView).values(row))
        except IntegrityError:
            raise ViewTakenError(definition.name) from None
        AuditLog(self._session).record(by, "view.create", definition.name, _details(definition), at=at)
        return self.get(definition.name), secret or definition.name

    def replace(self, definition: Definition, *, by: str, at: datetime) -> Definition:
        """Put a definition in the place of the one of that name; what is secret stays so, under its name.

        Raises:
            DefinitionError: it cannot be one.
            ViewNotFoundError: there is none of that name.
        """
        known = self.get(definition.name)
        definition = check(replace(definition, secret=known.secret))
        if known.revision == 0:
            return self.create(definition, by=by, at=at)[0]
        self._session.execute(
            update(NamedView)
            .where(NamedView.name == definition.name)
            .values(**_written(definition), revision=NamedView.revision + 1, changed_at=at, changed_by=by)
        )
        AuditLog(self._session).record(by, "view.replace", definition.name, _details(definition), at=at)
        return self.get(definition.name)

    def delete(self, name: str, *, by: str, at: datetime) -> None:
        """Forget a view. The default one becomes again what it was at the start.

        Raises:
            ViewNotFoundError: there is none of that name.
        """
        gone = self._session.execute(
            delete(NamedView).where(NamedView.name == name).returning(NamedView.name)
        )
        if gone.one_or_none() is None:
            raise ViewNotFoundError
        forget_view(self._session, name)
        self._session.execute(delete(ViewList).where(ViewList.view == name))
        AuditLog(self._session).record(by, "view.delete", name, at=at)

    def keep_list(self, name: str, verified: VerifiedList, *, by: str, at: datetime) -> Definition:
        """Keep the signed image list of a view, in place of the one before.

        Raises:
            ViewNotFoundError: there is no such view.
        """
        self.get(name)
        self._session.execute(delete(ViewList).where(ViewList.view == name))
        self._session.execute(
            insert(ViewList).values(
                view=name,
                data=verified.data,
                digest=verified.digest,
                certificates=verified.certificates,
                email=verified.email,
                expires=verified.until,
                uploaded_at=at,
                uploaded_by=by,
            )
        )
        AuditLog(self._session).record(by, "view.keep-list", name, {"sha256": verified.digest}, at=at)
        return self.get(name)

    def remove_list(self, name: str, *, by: str, at: datetime) -> None:
        """Forget the signed image list of a view.

        Raises:
            ViewNotFoundError: there is no such view.
            NoListError: it has no such list.
        """
        if self.get(name).signed_list is None:
            raise NoListError
        self._session.execute(delete(ViewList).where(ViewList.view == name))
        AuditLog(self._session).record(by, "view.remove-list", name, at=at)

    def get(self, name: str) -> Definition:
        """A view by its name.

        Raises:
            ViewNotFoundError: there is none.
        """
        found = self._find(NamedView.name == name)
        if found is None:
            if name == DEFAULT:
                return replace(BUILT_IN, signed_list=self._find_list(name))
            raise ViewNotFoundError
        return found

    def get_secret(self, secret: str) -> Definition:
        """A view by its unguessable name.

        Raises:
            ViewNotFoundError: there is none.
        """
        found = self._find(NamedView.digest == digest_of(secret)) if is_view(secret) else None
        if found is None:
            raise ViewNotFoundError
        return found

    def list(self) -> list[Definition]:
        """Every view, by name; the default one is always there."""
        rows = self._session.scalars(select(NamedView).order_by(NamedView.name)).all()
        living = GroupService(self._session).living({one.group_name for one in rows if one.group_name})
        found = [_read(one) for one in rows if one.group_name is None or one.group_name in living]
        if not any(one.name == DEFAULT for one in found):
            found.append(self.get(DEFAULT))
        return sorted(found, key=lambda one: one.name)

    def _find(self, condition: Any) -> Definition | None:
        row = self._session.scalar(
            select(NamedView).where(condition).execution_options(populate_existing=True)
        )
        if row is None or (row.group_name and not GroupService(self._session).living({row.group_name})):
            return None
        return replace(_read(row), signed_list=self._find_list(row.name))

    def _find_list(self, name: str) -> ListFacts | None:
        row = self._session.execute(
            select(ViewList.digest, ViewList.email, ViewList.expires, ViewList.uploaded_at).where(
                ViewList.view == name
            )
        ).one_or_none()
        return None if row is None else ListFacts(**row._mapping)

    def _verify_group(self, definition: Definition) -> None:
        group = definition.group
        if group is not None and not GroupService(self._session).living({group}):
            raise DefinitionError(f"there is no group {group}")


def _written(definition: Definition) -> dict[str, Any]:
    return {
        "title": definition.title,
        "description": definition.description,
        "search": definition.search,
        "policy": None if definition.policy is None else json.dumps(definition.policy, sort_keys=True),
        "options": json.dumps(dict(definition.options), sort_keys=True),
    }


def _details(definition: Definition) -> dict[str, Detail]:
    return {
        "search": definition.search,
        "policy": None if definition.policy is None else json.dumps(definition.policy, sort_keys=True),
        "secret": definition.secret,
    }


def _read(row: NamedView) -> Definition:
    return Definition(
        name=row.name,
        title=row.title,
        description=row.description,
        search=row.search,
        policy=None if row.policy is None else json.loads(row.policy),
        options=json.loads(row.options),
        secret=row.digest is not None,
        secret_digest=row.digest,
        created_at=row.created_at,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        revision=row.revision,
    )
