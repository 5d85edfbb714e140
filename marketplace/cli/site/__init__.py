"""``marketplace site``: all that a cloud site does. Each command's module is imported when it is used."""

from __future__ import annotations

from importlib import import_module

import click

from marketplace.cli.examples import examples
from marketplace.cli.whole_help import WholeGroup

#: Command -> module and object.
COMMANDS = {
    "init": "setup:init",
    "key": "setup:key",
    "check": "setup:check",
    "sync": "sync_run:sync",
    "run": "sync_run:run",
    "status": "status_list:status",
    "list": "status_list:list_",
    "log": "status_list:log",
    "why": "why_may_start:why",
    "may-start": "why_may_start:may_start",
    "import": "interventions:import_",
    "withdraw": "interventions:withdraw",
    "hold": "interventions:hold",
    "release": "interventions:release",
    "quarantine": "quarantine_verify:quarantine",
    "verify": "quarantine_verify:verify",
    "rules": "port_rules:rules",
    "seed": "seed:seed",
    "hook": "hooks:hook",
}


class _LazySite(WholeGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(f"marketplace.cli.site.{module}"), name)
        assert isinstance(command, click.Command)  # noqa: S101  # the table above is ours
        return command


@examples(
    "marketplace site init --from https://marketplace.example.org",
    "marketplace site sync --dry-run",
    "marketplace site may-start /var/lib/libvirt/images/debian-13.qcow2",
)
@click.group("site", cls=_LazySite)
def site() -> None:
    """Import trusted images into a cloud, and answer whether a machine may start.

    A site follows marketplaces, proves every entry itself and judges it by its own
    policy (docs/sites.md). Its configuration is the file that --config names, else
    MARKETPLACE_SITE_CONFIG, ./site.toml, /etc/marketplace/site.toml.
    """
