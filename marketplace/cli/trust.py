"""``marketplace trust``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from marketplace.cli.colours import yes_or_no
from marketplace.cli.examples import examples
from marketplace.cli.failures import CommandError, ExitCode
from marketplace.cli.files import MAX_KEY_FILE, read_bounded, read_document, write_document
from marketplace.cli.operator import actor, writing
from marketplace.cli.options import SettingsSource, settings_options
from marketplace.cli.output import Format, output_option, write_records
from marketplace.cli.passwords import VARIABLE, configured_password
from marketplace.cli.streams import say
from marketplace.cli.whole_help import WholeGroup
from marketplace.cli.why import write_rules
from marketplace.logs import printable
from marketplace.moments import counted
from validators import accept
from validators.policy import MARKETPLACE, statement_of
from validators.policy import judge as judge_image


@examples(
    "marketplace trust check",
    "marketplace trust judge signed.xml",
)
@click.group("trust", cls=WholeGroup)
def trust() -> None:
    """Manage trust anchors, revocation lists and the allow-list."""


@examples("marketplace trust check --config marketplace.ini")
@trust.command()
@settings_options
@output_option
def check(source: SettingsSource, output: Format) -> None:
    """Check all trust files that the settings name, as the server does at start.

    Ends with 5 if anything is wrong.
    """
    from marketplace.trust import open_store

    store = open_store(source.read().trust)
    held = store.material
    faults = [
        {"code": one.code, "file": one.file, "path": one.path or one.file, "message": one.message}
        for one in store.faults
    ]
    write_records(faults, ("code", "path", "message"), output, identify="file")
    say(
        f"{counted(len(held.anchors), 'anchor')}, "
        f"{counted(len(held.intermediates), 'intermediate')}, "
        f"{counted(len(held.lists), 'revocation list')}; "
        f"{'an' if held.allowed.names else 'no'} allow-list."
    )
    if faults:
        raise CommandError(counted(len(faults), "fault"), ExitCode.VERIFICATION_FAILED)


@examples("marketplace trust judge signed.xml")
@trust.command()
@settings_options
@click.argument("file", metavar="FILE")
def judge(source: SettingsSource, file: str) -> None:
    """Judge a signed file, offline, by the anchors and revocation lists of the settings.

    FILE may be - for standard input. It is judged as if it were the only entry about the image: only
    a marketplace knows whether it is outdated, or withdrawn by somebody else. Ends with 5 if its
    endorser is not trusted, with 6 if the entry is deprecated or has expired.
    """
    from marketplace.trust import TrustService, open_store

    entry, now = accept(read_document(file)), datetime.now(UTC)
    service = TrustService(open_store(source.read().trust))
    decision = service.decide(entry, now)
    verdict = judge_image(entry.identifier, [statement_of(entry, decision)], MARKETPLACE, now)
    sentence = yes_or_no(printable(verdict.sentence), verdict.allowed)
    click.echo(f"{printable(entry.coordinates.path())}: {sentence}")
    write_rules(decision.rules)
    if not decision.trusted:
        raise CommandError("the endorser is not trusted", ExitCode.VERIFICATION_FAILED)
    if not verdict.allowed:
        raise CommandError(f"the entry is {verdict.status}", ExitCode.REFUSED_BY_POLICY)


@examples("marketplace trust refresh")
@trust.command()
@settings_options
def refresh(source: SettingsSource) -> None:
    """Check every certificate again, with the trust files of the settings.

    A running server does this every trust.reload_interval seconds; this command does it now. Lists
    and searches show the new results at once, and running servers use the new files within seconds.
    The names of the files are read only when a server starts.
    """
    from marketplace.cli.database import open_database
    from marketplace.ingest.current_refresh import CurrentRefresh
    from marketplace.moments import utc_now
    from marketplace.trust import TrustService, VerdictService, open_store
    from marketplace.trust.stored_crls import StoredCrls

    settings = source.read()
    with open_database(settings) as database:
        store = open_store(settings.trust, StoredCrls(database))
        settle = CurrentRefresh(database).refresh
        done = VerdictService(database, store, TrustService(store), utc_now, settle).refresh()
    for fault in store.faults:
        say(f"{fault.for_operators()} ({fault.code})")
    say(f"certificates checked: {done.judged}, changed: {done.changed}.")
    if done.otherwise:
        say("running servers were started with other trust.* settings: restart them.")


@examples("marketplace trust forget old-authority.crl")
@trust.command()
@settings_options
@click.argument("file", metavar="FILE")
def forget(source: SettingsSource, file: str) -> None:
    """Stop using a revocation list whose file is gone.

    FILE is its path or name, as `/readyz` and `trust refresh` show it (`trust.crl-gone`).
    Certificates that only this list revoked may be trusted again. A running server notices the next
    time it reads the files.
    """
    from marketplace.trust import operator_actions

    with writing(source) as session:
        found = operator_actions.forget(session, file, by=actor(), at=datetime.now(UTC))
    if not found:
        raise CommandError(f"no revocation list from {printable(file)} is stored", ExitCode.NOT_FOUND)
    for path in found:
        say(f"no longer using {path}")


@examples("marketplace trust import-jks truststore.jks --out anchors.pem")
@trust.command("import-jks")
@click.option(
    "--out",
    metavar="FILE",
    default="-",
    help="Write the certificates to this file (PEM); default: standard output.",
)
@click.option(
    "--password-file",
    type=click.Path(path_type=Path),
    help=f"File whose first line is the store's password; else {VARIABLE}, else asked for.",
)
@click.argument("file", type=click.Path(path_type=Path))
def import_jks(out: str, password_file: Path | None, file: Path) -> None:
    """Convert the trusted certificates of a Java truststore (JKS) to PEM, for `trust.anchors`.

    Keys in the store are ignored. Needs the extra 'jks' on this machine only, not on the server.
    """
    from marketplace.trust.javastores import parse_java_store, to_pem
    from validators.links import MaterialError

    password = configured_password(password_file)
    if password is None:
        password = click.prompt("Password of the truststore", hide_input=True, err=True)
    try:
        found = parse_java_store(read_bounded(file, MAX_KEY_FILE), password)
    except MaterialError as error:
        raise CommandError(f"{file} {error}", ExitCode.OTHER) from None
    if not found:
        raise CommandError(f"{file} holds no trusted certificate", ExitCode.NOT_FOUND)
    write_document(out, to_pem(found))
    for one in found:
        say(f"{one.alias}: {one.certificate.name}")
