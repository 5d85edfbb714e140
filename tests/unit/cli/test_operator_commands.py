"""db, demo, fsck, export and import, each against a real database."""

import os
import stat

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from marketplace.cli.failures import explain
from tests.factories.documents import image, signed
from tests.factories.identities import expired_identity, make_identity
from validators import accept
from validators.document import Strength


def execute(data, *statements):
    """Damage a database behind the service's back."""
    engine = create_engine(f"sqlite:///{data / 'marketplace.sqlite'}")
    with engine.begin() as connection:
        for statement in statements:
            assert connection.execute(text(statement)).rowcount != 0, statement
    engine.dispose()


@pytest.fixture
def filled(cli, data, tmp_path):
    """A marketplace with a timeline of two, tags, a second endorser and an expired certificate."""
    archive = tmp_path / "archive"
    archive.mkdir()
    documents = [
        signed(image(tags=("a", "b"), checksums=(("MD5", "0" * 31 + "A"), ("SHA-256", "c" * 64)))),
        signed(image(tags=("a",)), created="2024-06-01T00:00:00Z"),
        signed(image(), make_identity("Joan", "joan@example.org")),
        signed(image(content="other", locations=("pdisk:x", "http://y.org")), expired_identity()),
    ]
    for document in documents:
        (archive / f"{accept(document).entry_id}.xml").write_bytes(document)
    assert cli("import", "--data", data, archive).code == 0
    return data


def test_upgrade_says_what_it_did_to_a_new_database_and_to_one_that_it_made(cli, tmp_path):
    made = cli("db", "upgrade", "--data", tmp_path / "new")
    assert made.code == 0 and "made the schema of a new database (revision 00" in made.err
    again = cli("db", "upgrade", "--data", tmp_path / "new")
    assert again.code == 0 and "already: nothing was changed" in again.err
    assert "made" not in again.err


@pytest.mark.parametrize("command", [["fsck"], ["export", "x"], ["demo"]])
def test_a_database_that_was_never_upgraded_is_one_sentence(cli, tmp_path, command):
    outcome = cli(*command, "--data", tmp_path / "new")
    assert (outcome.code, outcome.is_sentence()) == (1, True)
    assert "marketplace db upgrade" in outcome.err


@pytest.mark.parametrize("command", [["fsck"], ["export", "x"], ["demo"], ["serve"]])
def test_a_database_of_another_version_is_one_sentence(cli, data, command):
    execute(data, "UPDATE alembic_version SET version_num = 'other'")
    outcome = cli(*command, "--data", data)
    assert (outcome.code, outcome.is_sentence()) == (1, True)
    assert "at revision other" in outcome.err


def test_what_is_no_database_is_one_sentence(cli, tmp_path):
    (tmp_path / "marketplace.sqlite").write_bytes(b"x" * 5000)
    outcome = cli("fsck", "--data", tmp_path)
    assert (outcome.code, outcome.is_sentence()) == (7, True)
    assert "its file is damaged: restore a backup" in outcome.err


@pytest.mark.parametrize(
    "arguments", [["--config", "nothing.ini"], ["--port", "99999"], ["--port", "x"], ["--config", "."]]
)
def test_settings_that_cannot_be_used_are_one_sentence(cli, data, arguments):
    outcome = cli("serve", "--data", data, *arguments)
    assert (outcome.code, outcome.is_sentence()) == (2, True)


def test_the_demo_holds_every_kind_of_entry_and_is_loaded_once(cli, data):
    first = cli("demo", "--data", data)
    assert first.code == 0
    files = sorted((data / "demo" / "entries").iterdir())
    entries = [accept(path.read_bytes()) for path in files]
    assert len(entries) >= 30
    assert f"{len(entries)} new" in first.err
    assert all(entry.strength is Strength.STRONG for entry in entries)
    assert len({entry.endorser.email for entry in entries}) >= 3
    assert any(entry.metadata.deprecated is not None for entry in entries)
    assert any(entry.metadata.deprecated == "" for entry in entries)
    assert any(entry.metadata.extensions for entry in entries)
    assert any(uri.startswith("pdisk:") for entry in entries for uri in entry.metadata.locations)
    assert len({(e.identifier, e.endorser.email) for e in entries}) > len({e.identifier for e in entries})
    before = {path: path.read_bytes() for path in files}
    second = cli("demo", "--data", data)
    assert "(0 new)" in second.err
    assert {path: path.read_bytes() for path in files} == before
    assert cli("fsck", "--data", data).code == 0


def test_the_demo_has_trusted_and_unverified_endorsers(cli, data, monkeypatch):
    assert cli("demo", "--data", data).code == 0
    monkeypatch.setenv("MARKETPLACE_TRUST_ANCHORS", str(data / "demo" / "authority.pem"))
    judged = {
        cli("trust", "judge", path, "--data", data).code for path in (data / "demo" / "entries").iterdir()
    }
    assert {0, 5, 6} <= judged  # trusted, not trusted, trusted and withdrawn or over


def test_demo_keys_are_for_their_owner_and_sign(cli, data):
    assert cli("demo", "--data", data).code == 0
    demo = data / "demo"
    assert stat.S_IMODE(demo.stat().st_mode) == 0o700
    keys = list(demo.glob("*.key.pem"))
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    outcome = cli(
        "sign", "--cert", demo / "alice.cert.pem", "--key", demo / "alice.key.pem", demo / "draft.xml"
    )
    assert accept(outcome.out).metadata.title == "My first image"


def test_export_and_import_rebuild_a_marketplace(cli, filled, tmp_path):
    out = tmp_path / "out"
    assert cli("export", "--data", filled, out).code == 0
    exported = {path.name: path.read_bytes() for path in out.iterdir()}
    assert len(exported) == 4
    assert all(accept(data).entry_id + ".xml" == name for name, data in exported.items())
    copy = tmp_path / "copy"
    assert cli("db", "upgrade", "--data", copy).code == 0
    assert cli("import", "--data", copy, out).code == 0
    assert cli("fsck", "--data", copy).code == 0
    again = tmp_path / "again"
    assert cli("export", "--data", copy, again).code == 0
    assert {path.name: path.read_bytes() for path in again.iterdir()} == exported


def test_an_export_over_an_export_changes_nothing(cli, filled, tmp_path):
    assert cli("export", "--data", filled, tmp_path / "out").code == 0
    (tmp_path / "out" / "note.txt").write_text("kept")
    assert cli("export", "--data", filled, tmp_path / "out").code == 0
    assert len(list((tmp_path / "out").iterdir())) == 5


def test_an_import_goes_on_behind_bad_files_and_reports_each(cli, data, tmp_path):
    (tmp_path / "a.xml").write_bytes(b"no entry")
    (tmp_path / "b.xml").write_bytes(signed())
    (tmp_path / "c.xml").write_bytes(signed().replace(b"demo image", b"demo imagE"))
    (tmp_path / "d.xml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "e.txt").write_bytes(b"not looked at")
    os.mkfifo(tmp_path / "f.xml")
    outcome = cli("import", "--data", data, tmp_path)
    assert outcome.code == 9
    assert "1 entry created" in outcome.err
    assert "a.xml: " in outcome.err
    assert "[parse.not-well-formed]" in outcome.err
    assert "c.xml: " in outcome.err
    assert "[signature.digest]" in outcome.err
    assert "d.xml: " in outcome.err
    assert "f.xml: " in outcome.err
    assert "b.xml" not in outcome.err
    assert cli("import", "--data", data, tmp_path).code == 9
    assert cli("fsck", "--data", data).code == 0


def test_what_a_group_keeps_moves_only_where_it_is_named(cli, data, tmp_path):
    private = "<dcterms:accessRights>private</dcterms:accessRights>"
    (tmp_path / "a.xml").write_bytes(signed(image(content="a", extra=private)))
    (tmp_path / "b.xml").write_bytes(signed(image(content="b")))
    outcome = cli("import", "--data", data, tmp_path)
    assert outcome.code == 9
    assert "a.xml: dcterms:accessRights is private" in outcome.err and "[audience.private]" in outcome.err
    assert "1 entry created, 0 unchanged, 1 file left out" in outcome.err
    for command in ("import", "export"):
        assert cli(command, "--data", data, "--audience", "physics", tmp_path).code == 3
    assert cli("group", "create", "--data", data, "physics").code == 0
    assert cli("import", "--data", data, "--audience", "physics", tmp_path).code == 0
    assert cli("export", "--data", data, tmp_path / "public").code == 0
    assert cli("export", "--data", data, "--audience", "physics", tmp_path / "physics").code == 0
    assert len(list((tmp_path / "public").iterdir())) == 1
    assert len(list((tmp_path / "physics").iterdir())) == 2
    acts = cli("audit", "--data", data, "--action", "log.", "-o", "json").json
    assert [(act["action"], act["subject"]) for act in acts] == [
        ("log.export", "group:physics"),
        ("log.import", "group:physics"),
        ("log.import", "public"),
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_reported(cli, data, tmp_path):
    (tmp_path / "a.xml").write_bytes(signed())
    (tmp_path / "b.xml").write_bytes(signed())
    (tmp_path / "b.xml").chmod(0)
    outcome = cli("import", "--data", data, tmp_path)
    assert outcome.code == 9
    assert "b.xml: permission denied" in outcome.err


@pytest.mark.parametrize(("directory", "code"), [("nothing", 3), ("empty", 3), ("file", 1)])
def test_what_cannot_be_imported_is_one_sentence(cli, data, tmp_path, directory, code):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    outcome = cli("import", "--data", data, tmp_path / directory)
    assert (outcome.code, outcome.is_sentence()) == (code, True)


def test_nothing_good_at_all_is_a_failed_verification(cli, data, tmp_path):
    (tmp_path / "a.xml").write_bytes(b"no entry")
    assert cli("import", "--data", data, tmp_path).code == 5


def test_fsck_finds_no_fault_in_what_the_service_wrote(cli, filled):
    outcome = cli("fsck", "--data", filled)
    assert (outcome.code, outcome.out) == (0, b"")
    assert "4 documents and 4 log rows verified" in outcome.err


@pytest.mark.parametrize(
    ("code", "statements"),
    [
        ("body.refused", ["UPDATE entry_body SET data = CAST('<a/>' AS BLOB) WHERE id = 1"]),
        (
            "body.entry-id",
            ["UPDATE entry_body SET data = (SELECT data FROM entry_body WHERE id = 2) WHERE id = 1"],
        ),
        ("body.column", ["UPDATE entry_body SET strength = 'legacy' WHERE id = 1"]),
        ("body.column", ["UPDATE entry_body SET sha256 = 'x' WHERE id = 1"]),
        ("entry.column", ["UPDATE entry SET title = 'x' WHERE id = 1"]),
        ("entry.column", ["UPDATE entry SET deprecated = '' WHERE id = 1"]),
        ("entry.column", ["UPDATE entry SET created = created + 1 WHERE id = 1"]),
        ("entry.tags", ["DELETE FROM entry_tag WHERE tag = 'b'"]),
        ("entry.tags", ["UPDATE entry_tag SET digest = 'x' WHERE tag = 'b'"]),
        ("entry.checksums", ["UPDATE entry_checksum SET value = upper(value)"]),
        ("entry.checksums", ["DELETE FROM entry_checksum WHERE algorithm = 'MD5'"]),
        ("entry.checksums", ["INSERT INTO entry_checksum VALUES (1, 9, 'MD5', 'x')"]),
        ("entry.locations", ["DELETE FROM entry_location WHERE position = 1"]),
        ("certificate.column", ["UPDATE certificate SET not_after = not_after + 1"]),
        ("certificate.column", ["UPDATE certificate SET der = CAST('x' AS BLOB)"]),
        (
            "log.gap",
            ["UPDATE log SET next_sequence = 9", "UPDATE change SET sequence = 8 WHERE sequence = 3"],
        ),
        ("log.counter", ["UPDATE log SET next_sequence = 3"]),
        ("log.counter", ["UPDATE log SET next_sequence = 5"]),
        ("log.body", ["UPDATE change SET body_id = body_id % 4 + 1"]),
        ("log.unlisted", ["DELETE FROM change WHERE sequence = 3", "UPDATE log SET next_sequence = 3"]),
        ("current.missing", ["DELETE FROM current WHERE id = (SELECT max(id) FROM current)"]),
        ("current.wrong", ["UPDATE current SET entry_key = entry_key % 4 + 1"]),
        ("current.column", ["UPDATE current SET search_text = ''"]),
        ("current.column", ["UPDATE current SET deprecated = 1"]),
        ("current.extra", ["UPDATE current SET email = 'x@y.org' WHERE id = 1"]),
        (
            "follower.ahead",
            ["INSERT INTO follower_cursor (follower, log_id, position) SELECT 'x', id, 5 FROM log"],
        ),
        ("database.foreign-key", ["UPDATE entry SET certificate_id = 999 WHERE id = 1"]),
        ("certificate.missing", ["UPDATE entry SET certificate_id = 999 WHERE id = 1"]),
        ("body.orphan", ["UPDATE entry_body SET entry_key = 999 WHERE id = 1"]),
        ("entry.no-body", ["UPDATE entry_body SET entry_key = 999 WHERE id = 1"]),
    ],
)
def test_fsck_finds_each_kind_of_damage(cli, filled, code, statements):
    execute(filled, *statements)
    outcome = cli("fsck", "--data", filled, "-o", "json")
    assert outcome.code == 5
    assert code in {damage["code"] for damage in outcome.json}
    assert outcome.is_sentence()


@pytest.mark.parametrize("kind", ["token", "group", "mail", "pending"])
def test_an_empty_list_says_so_beside_the_results(cli, data, kind):
    outcome = cli(kind, "list", "--data", data)
    assert (outcome.code, outcome.out) == (0, b"")
    assert outcome.is_sentence()
    assert cli(kind, "list", "--data", data, "-o", "json").json == []


@pytest.mark.parametrize(
    "command",
    [
        ["token", "list"],
        ["group", "list"],
        ["mail", "list"],
        ["pending", "list"],
        ["peer", "list"],
        ["audit"],
        ["fsck"],
        ["export", "x"],
        ["db", "backup", "copy"],
        ["reindex"],
        ["trust", "refresh"],
    ],
)
def test_commands_that_work_on_a_database_make_none(cli, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    outcome = cli(*command, "--data", tmp_path / "mistyped")
    assert (outcome.code, outcome.is_sentence()) == (1, True)
    assert "marketplace db upgrade" in outcome.err and "mistyped" in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_what_is_made_is_for_its_owner_only(cli, tmp_path, data):
    assert cli("db", "upgrade", "--data", tmp_path / "new" / "data").code == 0
    assert cli("group", "create", "lab", "--data", data).code == 0
    document = tmp_path / "in" / "private.xml"
    document.parent.mkdir()
    document.write_bytes(signed(image(content="of the lab")))
    assert cli("import", "--data", data, "--audience", "lab", document.parent).code == 0
    assert cli("import", "--data", data, document.parent).code == 0
    assert cli("export", "--data", data, "--audience", "lab", tmp_path / "lab").code == 0
    assert cli("export", "--data", data, tmp_path / "public").code == 0
    modes = {path.relative_to(tmp_path): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    private = [mode for path, mode in modes.items() if path.parts[0] in ("new", "lab")]
    assert set(private) == {0o700, 0o600}
    assert {modes[path] for path in modes if path.parts[0] == "public"} == {0o755, 0o644}


def test_a_full_disk_says_where_to_make_room():
    engine = create_engine("sqlite://")
    with engine.connect() as connection, pytest.raises(OperationalError) as full:
        connection.exec_driver_sql("PRAGMA max_page_count = 2")
        connection.exec_driver_sql("CREATE TABLE filler AS SELECT randomblob(100000) AS bytes")
    told, code = explain(full.value)
    assert code == 7 and "disk is full; make room on the disk of the data directory" in told
