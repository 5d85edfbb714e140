"""Groups: people who share a log that nobody else sees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from marketplace.access.principal import group_log
from marketplace.accounts.errors import GroupNotFoundError, GroupTakenError, MemberNotFoundError
from marketplace.accounts.names import parse_group, parse_owner
from marketplace.audit import AuditLog
from marketplace.changes import ChangeLog
from marketplace.models import AccessGroup, GroupMember


@dataclass(frozen=True, slots=True)
class Group:
    """A group and its members by code point."""

    name: str
    created_at: datetime
    members: tuple[str, ...]


class GroupService:
    """The groups as one transaction sees them. Deleted ones are not seen."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, name: str, *, by: str, at: datetime) -> Group:
        """Create a group, with its log.

        Raises:
            InvalidValueError: it is no name of a group.
            GroupTakenError: there is, or was, one of that name.
        """
        row = {"name": parse_group(name), "created_at": at}
        try:
            with self._session.begin_nested():
                self._session.execute(insert(AccessGroup).values(row))
        except IntegrityError:
            raise GroupTakenError(f"the name {name} is taken, or was once: choose another") from None
        ChangeLog(self._session).create(group_log(name))
        AuditLog(self._session).record(by, "group.create", name, at=at)
        return self.get(name)

    def delete(self, name: str, *, by: str, at: datetime) -> None:
        """Close a group: its log stays stored, and no member sees it any more.

        Raises:
            GroupNotFoundError: there is none.
        """
        key = self._key(name)
        self._session.execute(delete(GroupMember).where(GroupMember.group_id == key))
        self._session.execute(update(AccessGroup).where(AccessGroup.id == key).values(deleted_at=at))
        AuditLog(self._session).record(by, "group.delete", name, at=at)

    def add(self, name: str, owner: str, *, by: str, at: datetime) -> Group:
        """Take somebody into a group; a member stays one.

        Raises:
            GroupNotFoundError: there is no such group.
            InvalidValueError: it is no owner's name.
        """
        row = {"group_id": self._key(name), "owner": parse_owner(owner), "added_at": at}
        if owner not in self.get(name).members:
            try:
                with self._session.begin_nested():
                    self._session.execute(insert(GroupMember).values(row))
            except IntegrityError:  # somebody else added it at this moment: what was wanted
                return self.get(name)
            AuditLog(self._session).record(by, "group.add", name, {"member": owner}, at=at)
        return self.get(name)

    def remove(self, name: str, owner: str, *, by: str, at: datetime) -> Group:
        """Let somebody leave a group: what it keeps is not shown to them from now on.

        Raises:
            GroupNotFoundError: there is no such group.
            MemberNotFoundError: it is no member.
        """
        gone = self._session.execute(
            delete(GroupMember)
            .where(GroupMember.group_id == self._key(name), GroupMember.owner == owner)
            .returning(GroupMember.owner)
        )
        if gone.one_or_none() is None:
            raise MemberNotFoundError(name, owner)
        AuditLog(self._session).record(by, "group.remove", name, {"member": owner}, at=at)
        return self.get(name)

    def get(self, name: str) -> Group:
        """A group by its name.

        Raises:
            GroupNotFoundError: there is none.
        """
        found = self._session.scalar(_LIVING.where(AccessGroup.name == name))
        if found is None:
            raise GroupNotFoundError(name)
        members = self._session.scalars(
            select(GroupMember.owner).where(GroupMember.group_id == found.id).order_by(GroupMember.owner)
        )
        return Group(found.name, found.created_at, tuple(members))

    def list(self) -> list[Group]:
        """Every group, by name."""
        rows = self._session.execute(
            select(AccessGroup.name, AccessGroup.created_at, GroupMember.owner)
            .outerjoin(GroupMember, GroupMember.group_id == AccessGroup.id)
            .where(AccessGroup.deleted_at.is_(None))
            .order_by(AccessGroup.name, GroupMember.owner)
        )
        return [
            Group(name, created_at, tuple(owner for _, _, owner in members if owner is not None))
            for (name, created_at), members in groupby(rows, key=lambda row: (row[0], row[1]))
        ]

    def of(self, owner: str) -> frozenset[str]:
        """Names of the groups somebody belongs to."""
        return frozenset(
            self._session.scalars(
                select(AccessGroup.name)
                .join(GroupMember, GroupMember.group_id == AccessGroup.id)
                .where(GroupMember.owner == owner, AccessGroup.deleted_at.is_(None))
            )
        )

    def living(self, names: Iterable[str]) -> frozenset[str]:
        """The names, of those given, that are names of existing groups."""
        return frozenset(
            self._session.scalars(
                select(AccessGroup.name).where(AccessGroup.name.in_(names), AccessGroup.deleted_at.is_(None))
            )
        )

    def _key(self, name: str) -> int:
        key = self._session.scalar(
            select(AccessGroup.id).where(AccessGroup.name == name, AccessGroup.deleted_at.is_(None))
        )
        if key is None:
            raise GroupNotFoundError(name)
        return key


_LIVING = select(AccessGroup).where(AccessGroup.deleted_at.is_(None))
