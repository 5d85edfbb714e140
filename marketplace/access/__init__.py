"""Who asks, and what they may see and do."""

from marketplace.access.principal import ANONYMOUS, PUBLIC, STRANGER, Principal, Scope, find_group, group_log

__all__ = ["ANONYMOUS", "PUBLIC", "STRANGER", "Principal", "Scope", "find_group", "group_log"]
