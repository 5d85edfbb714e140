"""``marketplace receipts``, against a real database."""

from __future__ import annotations

from contextlib import closing

from marketplace.db import Database
from marketplace.tlog.note import SigningKey
from tests.factories.entries import accepted
from tests.mail.site_receipts import HOUR, LYON, MEMBER, NOW, ORSAY, receipt, send
from tests.mail.test_reminders import JANE, store


def test_sites_are_bound_listed_and_forgotten(cli, data):
    outcome = cli("receipts", "sites", "--data", data)
    assert (outcome.code, outcome.err) == (0, "marketplace: no site sent receipts yet.\n")
    assert cli("receipts", "bind", "--data", data, str(ORSAY.verifier)).code == 0
    changed = SigningKey("lab-orsay", LYON.private).verifier
    assert cli("receipts", "bind", "--data", data, str(changed)).code == 0
    [site] = cli("receipts", "sites", "--data", data, "-o", "json").json
    assert (site["name"], site["key"]) == ("lab-orsay", str(changed))
    for wrong in ("nonsense", str(ORSAY.verifier.named("a/b"))):
        outcome = cli("receipts", "bind", "--data", data, wrong)
        assert (outcome.code, outcome.is_sentence()) == (2, True)
    assert cli("receipts", "forget", "--data", data, "lab-orsay").code == 0
    outcome = cli("receipts", "forget", "--data", data, "lab-orsay")
    assert (outcome.code, outcome.is_sentence()) == (3, True)
    assert "no key is bound to a site lab-orsay" in outcome.err


def test_the_operator_sees_who_has_withdrawn_images_of_groups_too(cli, data):
    assert cli("receipts", "recalls", "--data", data).out == b""
    with closing(Database.open(f"sqlite:///{data / 'marketplace.sqlite'}")) as database:
        for image, log in (("one", "public"), ("two", "group:astro")):
            entry = accepted(image, JANE, created=NOW - 3 * HOUR)
            store(database, entry, log=log)
            send(database, receipt(entry), by=MEMBER)
            store(database, accepted(image, JANE, created=NOW - 2 * HOUR, deprecated="broken"), log=log)
    found = cli("receipts", "recalls", "--data", data, "-o", "json").json
    assert [(one["email"], one["site"], one["store"]) for one in found] == [(JANE, "lab-orsay", "main")] * 2
