"""``marketplace audit``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from marketplace.cli.examples import examples
from marketplace.cli.operator import reading, written
from marketplace.cli.options import SettingsSource, settings_options
from marketplace.cli.output import Format, output_option, write_records

if TYPE_CHECKING:
    from marketplace.audit import AuditedAct


@examples(
    "marketplace audit --limit 20",
    "marketplace audit --actor me@example.org --action token.",
)
@click.command()
@settings_options
@output_option
@click.option("--actor", metavar="NAME", help="Only actions of this actor: an owner, cli:USER or system.")
@click.option(
    "--action", metavar="NAME", help="Only this action; with a dot at the end all of a kind: token."
)
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="Most records."
)
def audit(source: SettingsSource, output: Format, actor: str | None, action: str | None, limit: int) -> None:
    """Show the audit log of administrative and private actions, the newest first."""
    from marketplace.audit import PAGE_LIMIT, AuditLog

    acts: list[AuditedAct] = []
    with reading(source) as session:
        log = AuditLog(session)
        while len(acts) < limit:
            before = acts[-1].number if acts else None
            most = min(limit - len(acts), PAGE_LIMIT)
            page = log.page(before=before, limit=most, actor=actor, action=action)
            acts += page
            if not page:
                break
    records = [
        {
            "number": act.number,
            "at": written(act.at),
            "actor": act.actor,
            "action": act.action,
            "subject": act.subject,
            "details": _details(act) if output == "table" else dict(act.details),
        }
        for act in acts
    ]
    write_records(records, ("at", "actor", "action", "subject", "details"), output, identify="number")


def _details(act: AuditedAct) -> str:
    return " ".join(f"{name}={value}" for name, value in act.details.items() if value is not None)
