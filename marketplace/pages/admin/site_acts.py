"""Acts upon waiting uploads, mail, trust material and entries: those of the commands of these names."""

from __future__ import annotations

from marketplace.confirmation import operator_actions as pending
from marketplace.ingest.erasing import ErasingService
from marketplace.mail import operator_actions as mail
from marketplace.trust.operator_actions import forget
from validators.document import Coordinates
from validators.times import parse_time

from .asking import Act, ActError, ActField, Acting, Given, number_of, text_of

_MOST_NUMBER = 2**63 - 1
_UPLOAD = ActField("id", "Upload", about=True)
_MAIL = ActField("id", "Mail", about=True)


def _release(acting: Acting, given: Given) -> None:
    number = number_of(given, "id", "Upload", _MOST_NUMBER)
    with acting.database.write() as session:
        pending.release(session, number, acting.runtime.settings, by=acting.actor, at=acting.now)


def _drop_upload(acting: Acting, given: Given) -> None:
    with acting.database.write() as session:
        pending.drop(session, number_of(given, "id", "Upload", _MOST_NUMBER), by=acting.actor, at=acting.now)


def _numbers(given: Given) -> list[int] | None:
    return None if given.get("id") == "all" else [number_of(given, "id", "Mail", _MOST_NUMBER)]


def _retry(acting: Acting, given: Given) -> None:
    keys = _numbers(given)
    with acting.database.write() as session:
        if not mail.retry(session, keys, by=acting.actor, at=acting.now) and keys:
            raise ActError(f"no mail {keys[0]} that waits or was given up", 404)


def _drop_mail(acting: Acting, given: Given) -> None:
    keys = _numbers(given)
    with acting.database.write() as session:
        if not mail.drop(session, keys, by=acting.actor, at=acting.now) and keys:
            raise ActError(f"no mail {keys[0]}, or it was not given up: it is still to be sent", 404)


def _test(acting: Acting, given: Given) -> None:
    mail.send_test(acting.runtime.settings, text_of(given, "address", "Address"), acting.now)


def _refresh(acting: Acting, given: Given) -> None:
    acting.runtime.trust_watch.look_soon()


def _forget(acting: Acting, given: Given) -> None:
    name = text_of(given, "file", "File")
    with acting.database.write() as session:
        if not forget(session, name, by=acting.actor, at=acting.now):
            raise ActError("no revocation list from this file is stored", 404)
    acting.runtime.trust_watch.look_soon()


def _erase(acting: Acting, given: Given) -> None:
    runtime = acting.runtime
    which = _entry(text_of(given, "entry", "Entry"))
    reason = text_of(given, "reason", "Reason")
    ErasingService(runtime.database, runtime.now, runtime.forget_erased).erase(which, reason, acting.actor)
    runtime.judge.forget()
    runtime.following.nudge()


def _entry(text: str) -> str | Coordinates:
    if "/" not in text:
        return text
    identifier, _, rest = text.partition("/")
    email, _, created = rest.rpartition("/")
    try:
        return Coordinates(identifier, email, parse_time(created))
    except ValueError:
        raise ActError("Entry is an entry id, or IDENTIFIER/EMAIL/CREATED") from None


ACTS = (
    Act(
        "pending",
        "release",
        "Release an upload",
        "Lets an upload that was reported as abuse wait again, and asks its endorser again by mail.",
        "Release",
        "The upload waits for its endorser again.",
        _release,
        (_UPLOAD,),
        harmful=False,
    ),
    Act(
        "pending",
        "drop",
        "Delete an upload",
        "Deletes the upload permanently. If it was reported, its certificate may upload again.",
        "Delete",
        "The upload is deleted.",
        _drop_upload,
        (_UPLOAD,),
    ),
    Act(
        "mail",
        "retry",
        "Send mail again",
        "Sends given-up mail again, and waiting mail now.",
        "Send it now",
        "The mail will be sent now.",
        _retry,
        (_MAIL,),
        harmful=False,
    ),
    Act(
        "mail",
        "drop",
        "Delete mail",
        "Permanently deletes mail that was given up. Waiting mail stays.",
        "Delete",
        "The mail is deleted.",
        _drop_mail,
        (_MAIL,),
    ),
    Act(
        "mail",
        "test",
        "Send a test mail",
        "Sends a mail now, with the mail server of the settings, and shows the result.",
        "Send it",
        "The mail server accepted the mail.",
        _test,
        (ActField("address", "Address", "Address of the recipient."),),
        harmful=False,
    ),
    Act(
        "trust",
        "refresh",
        "Read the trust files again",
        "The server reads them every trust.reload_interval seconds; this makes it read them within "
        "seconds. Every certificate is checked again.",
        "Read them now",
        "The files will be read within seconds.",
        _refresh,
        harmful=False,
    ),
    Act(
        "trust",
        "forget",
        "Stop using a revocation list",
        "For a list whose file is gone. Certificates that only this list revoked may be trusted again.",
        "Stop using it",
        "The list is no longer used.",
        _forget,
        (ActField("file", "File", "Path or name of the file.", about=True),),
    ),
    Act(
        "erase",
        "entry",
        "Erase an entry",
        "For a legal request. Permanently erases the content of all entries with these coordinates, in all "
        "logs, and of entries with the same content under another certificate. Their address "
        "answers 410 with the reason. Other marketplaces, backups and caches keep their copies. The "
        "server then restarts itself.",
        "Erase permanently",
        "The entry is erased.",
        _erase,
        (
            ActField("entry", "Entry", "An entry id, or IDENTIFIER/EMAIL/CREATED.", about=True),
            ActField("reason", "Reason", "Shown to everybody who asks for the entry."),
        ),
    ),
)
