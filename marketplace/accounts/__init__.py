"""Tokens, groups and sessions: how somebody proves to be a principal, and what that gives."""

from marketplace.accounts.errors import AccessError
from marketplace.accounts.groups import GroupService
from marketplace.accounts.service import AccessService
from marketplace.accounts.tokens import TokenService

__all__ = ["AccessError", "AccessService", "GroupService", "TokenService"]
