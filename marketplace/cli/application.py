"""The commands by name. Each one's module is imported when it is called, so the small ones start fast."""

from __future__ import annotations

from importlib import import_module

import click

from marketplace.cli.examples import examples

#: Command -> module and object, and what the overview says of it.
_FOR_USERS = {
    "search": ("marketplace.cli.search:search", "Find images by words and filters."),
    "list": ("marketplace.cli.list_show:list_", "List a marketplace's entries."),
    "show": ("marketplace.cli.list_show:show", "Fetch one entry, verify it and show it."),
    "allowed": ("marketplace.cli.allowed:allowed", "Check whether an image may be started."),
    "identify": ("marketplace.cli.identify:identify", "Identify an image file or a checksum."),
    "why": ("marketplace.cli.why:why", "Explain the decision about an image."),
    "policy": ("marketplace.cli.policy:policy", "Check policies for starting images."),
    "endorser": ("marketplace.cli.endorser:endorser", "List publishers and their certificates."),
    "publish": ("marketplace.cli.publish:publish", "Publish an image: describe, draft, sign, upload."),
    "describe": ("marketplace.cli.describe:describe", "Describe an image file: size, digests, format."),
    "keygen": ("marketplace.cli.keygen:keygen", "Make a key and a certificate to sign with."),
    "sign": ("marketplace.cli.sign:sign", "Sign metadata with your key."),
    "lint": ("marketplace.cli.lint:lint", "Check a draft or signed file, with advice."),
    "verify": ("marketplace.cli.verify:verify", "Verify signed files, offline."),
    "upload": ("marketplace.cli.upload:upload", "Upload signed files to a marketplace."),
    "publish-entry": ("marketplace.cli.upload:publish_entry", "Publish private entries of your groups."),
    "extend": ("marketplace.cli.extend_deprecate:extend", "Change when entries expire."),
    "tag": ("marketplace.cli.tag:tag", "Add a tag to one of your entries, or remove it."),
    "deprecate": ("marketplace.cli.extend_deprecate:deprecate", "Withdraw images, with a reason."),
    "undeprecate": ("marketplace.cli.extend_deprecate:undeprecate", "Allow withdrawn images again."),
    "mirror": ("marketplace.cli.mirror:mirror", "Keep the images of vendors current."),
    "usage": ("marketplace.cli.usage:usage", "Show how often images and views are used."),
    "evidence": ("marketplace.cli.evidence:evidence", "Fetch what a verdict on an image rests on."),
    "proof": ("marketplace.cli.proof:proof", "Fetch the proof that an entry was published."),
    "manual": ("marketplace.cli.manual:manual", "Write the manual page (man 1)."),
}
_FOR_OPERATORS = {
    "site": ("marketplace.cli.site:site", "Import trusted images into a cloud."),
    "serve": ("marketplace.cli.serve:serve", "Run the web server and the background jobs."),
    "db": ("marketplace.cli.database:database", "Manage the database."),
    "reindex": ("marketplace.cli.reindex:reindex", "Rebuild the search index."),
    "fsck": ("marketplace.cli.fsck:fsck", "Verify all stored data."),
    "export": ("marketplace.cli.archive:export", "Export all entries into a directory."),
    "import": ("marketplace.cli.archive:import_", "Import a directory of signed files."),
    "demo": ("marketplace.cli.demo:demo", "Load a demo catalogue, once."),
    "token": ("marketplace.cli.token:token", "Manage tokens."),
    "group": ("marketplace.cli.group:group", "Manage groups and their members."),
    "view": ("marketplace.cli.view:view", "Manage views, which other programs read."),
    "webhook": ("marketplace.cli.webhook:webhook", "Manage webhooks: programs that are told of events."),
    "audit": ("marketplace.cli.audit:audit", "Show the audit log."),
    "receipts": ("marketplace.cli.receipts:receipts", "Manage receipts of cloud sites."),
    "trust": ("marketplace.cli.trust:trust", "Manage trust anchors and revocation lists."),
    "peer": ("marketplace.cli.peer:peer", "Manage peers: other marketplaces."),
    "mail": ("marketplace.cli.mail:mail", "Manage outgoing mail."),
    "pending": ("marketplace.cli.pending:pending", "Manage uploads that wait for confirmation."),
    "erase": ("marketplace.cli.erase:erase", "Erase what an entry says, for a legal request."),
}
COMMANDS = _FOR_USERS | _FOR_OPERATORS


class LazyGroup(click.Group):
    """A group that imports a command only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101  # the table above is ours
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            # The library knows commands that are imported already; ours are known by name.
            raise click.NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for readers, commands in (("publishers and searchers", _FOR_USERS), ("operators", _FOR_OPERATORS)):
            with formatter.section(f"Commands for {readers}"):
                formatter.write_dl([(name, text) for name, (_, text) in commands.items()])


@examples(
    "marketplace search debian --arch x86_64",
    "marketplace show me@example.org/debian-13",
    "marketplace allowed debian-13.qcow2",
)
@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(package_name="image-marketplace")
def application() -> None:
    """A registry of signed virtual machine image metadata.

    Data goes to standard output, everything else to standard error.

    \b
    Exit codes: 0 ok, 1 other, 2 usage, 3 not found, 4 not permitted,
    5 verification failed, 6 refused by policy, 7 network or server,
    8 conflict, 9 partly.
    """
