"""Commands that do the same to several things: each is tried, and the exit code says how many went well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from marketplace.cli.failures import CommandError, ExitCode, explain
from marketplace.cli.output import Format, write_records
from marketplace.cli.streams import say


@dataclass
class BatchResult:
    """The outcomes of a command that works on several entries.

    Args:
        total: how many there are.
        things: what they are called, e.g. ``files``.
        done: what was done to them, e.g. ``uploaded``.
    """

    total: int
    things: str
    done: str
    good: list[dict[str, Any]] = field(default_factory=list)
    failed: list[tuple[str, ExitCode]] = field(default_factory=list)

    def succeed(self, record: dict[str, Any], note: str = "") -> None:
        """Count an entry that went well; a note goes to standard error."""
        self.good.append(record)
        if note:
            say(note)

    def fail(self, name: str, error: Exception) -> None:
        """Count an entry that failed."""
        message, code = explain(error)
        self.failed.append((message if message.startswith(name) else f"{name}: {message}", code))

    def finish(self, columns: Sequence[str], output: Format) -> None:
        """Write the results.

        Raises:
            CommandError: some failed.
        """
        write_records(self.good, columns, output, identify="entry")
        if self.total == 1 and self.failed:
            raise CommandError(*self.failed[0])
        for message, _ in self.failed:
            say(message)
        if self.failed:
            raise self._summary()

    def _summary(self) -> CommandError:
        if len(self.failed) < self.total:
            sentence = f"{len(self.failed)} of {self.total} {self.things} were not {self.done}"
            return CommandError(sentence, ExitCode.PARTLY)
        codes = {code for _, code in self.failed}
        code = codes.pop() if len(codes) == 1 else ExitCode.OTHER
        return CommandError(f"none of {self.total} {self.things} was {self.done}", code)
