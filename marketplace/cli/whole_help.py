"""A group of commands whose overview cuts no sentence."""

from __future__ import annotations

import click

_NO_LIMIT = 10_000


class WholeGroup(click.Group):
    """A group whose help has the first sentence of each command as a whole."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their first sentences; the library would cut these to the line."""
        named = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [
            (name, command.get_short_help_str(_NO_LIMIT)) for name, command in named if command is not None
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
