"""Who asks, and what they may see."""

from marketplace.access.principal import ANONYMOUS, PUBLIC, Principal

__all__ = ["ANONYMOUS", "PUBLIC", "Principal"]
