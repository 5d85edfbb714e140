"""What one process holds, made by three builders: storage, reading, writing."""

from marketplace.runtime.process import Health, Runtime, build, is_expected

__all__ = ["Health", "Runtime", "build", "is_expected"]
