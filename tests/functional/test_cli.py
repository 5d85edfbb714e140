"""The command against a real server process: what a publisher and a cloud site do."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from tests.factories.documents import image, signed, unsigned
from tests.factories.identities import make_identity
from tests.factories.signatures import sign_raw
from tests.functional.running import running_server
from tests.launching import COMMAND, run
from tests.waiting import HANGING, wait_for
from validators import accept


class Command:
    """Calls the command as a process of its own, with the settings of nobody."""

    def __init__(self, directory, endpoint=None):
        self.directory = directory
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MARKETPLACE_", "STRATUSLAB_"))}
        self.environ = {**kept, "HOME": str(directory), "NO_PROXY": "127.0.0.1"}
        if endpoint:
            self.environ["MARKETPLACE_ENDPOINT"] = endpoint

    def __call__(self, *arguments, stdin=b"", **environ):
        command = [*COMMAND, *map(str, arguments)]
        done = run(command, self.environ | environ, folder=self.directory, given=stdin)
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return done


@pytest.fixture
def command(server, tmp_path):
    return Command(tmp_path, server.url)


def write(directory, name, data):
    (directory / name).write_bytes(data)
    return name


def test_sign_upload_list_show_verify(command, tmp_path):
    identity = make_identity("Paula Publisher", "paula@example.org")
    write(tmp_path, "draft.xml", unsigned(image(content="whole way", title="The whole way", tags=("way",))))
    write(tmp_path, "cert.pem", identity.certificate_pem)
    write(tmp_path, "key.pem", identity.key_pem("secret"))
    sign = ("sign", "--cert", "cert.pem", "--key", "key.pem", "--out", "signed.xml", "draft.xml")
    assert command(*sign, MARKETPLACE_KEY_PASSWORD="secret").returncode == 0
    assert command("verify", "signed.xml").returncode == 0
    uploaded = command("upload", "-o", "id", "signed.xml")
    assert uploaded.returncode == 0
    path = uploaded.stdout.decode().strip()
    data = (tmp_path / "signed.xml").read_bytes()
    assert path == accept(data).coordinates.path()
    listed = json.loads(command("list", "--email", "paula@example.org", "-o", "json").stdout)
    assert [(row["entry"], row["title"]) for row in listed] == [(path, "The whole way")]
    identifier = path.partition("/")[0]
    for name in (path, identifier, f"{identifier}/paula@example.org"):
        shown = command("show", name, "--out", "-")
        assert (shown.returncode, shown.stdout) == (0, data), name
    facts = json.loads(command("show", identifier, "-o", "json").stdout)
    assert (facts["title"], facts["tags"], facts["status"]) == ("The whole way", ["way"], "valid")


def test_a_document_can_come_from_standard_input(command):
    data = signed(image(content="from a pipe"))
    assert command("verify", "-", stdin=data).returncode == 0
    assert command("upload", "-", stdin=data).returncode == 0


def test_uploading_the_same_again_is_fine(command, tmp_path):
    write(tmp_path, "a.xml", signed(image(content="again")))
    first, second = command("upload", "a.xml"), command("upload", "a.xml")
    assert (first.returncode, first.stdout) == (second.returncode, second.stdout)
    assert second.returncode == 0


def test_every_refusal_has_its_exit_code(command, tmp_path):
    legacy = make_identity(key="rsa2048")
    good = signed(image(content="refusals"))
    write(tmp_path, "good.xml", good)
    write(tmp_path, "other.xml", signed(image(content="refusals", title="Something else")))
    write(tmp_path, "older.xml", signed(image(content="refusals"), created="2020-01-01T00:00:00Z"))
    write(tmp_path, "changed.xml", good.replace(b"debian", b"fedora"))
    write(tmp_path, "legacy.xml", sign_raw(unsigned(image(content="old"), legacy), legacy))
    write(tmp_path, "large.xml", b" " * 2_000_000)
    assert command("upload", "good.xml").returncode == 0
    expected = {"other.xml": 8, "older.xml": 6, "changed.xml": 5, "legacy.xml": 6, "nothing.xml": 3}
    for name, code in expected.items():
        done = command("upload", name)
        assert (done.returncode, done.stdout) == (code, b""), (name, done.stderr)
        assert done.stderr.count(b"\n") == 1
    assert command("upload", "large.xml").returncode in (5, 6)
    assert command("upload", "good.xml", "changed.xml").returncode == 9
    assert command("upload", "older.xml", "legacy.xml").returncode == 6


def test_what_is_not_there_is_not_found(command):
    missing = f"{'A' * 27}/nobody@example.org/2024-01-01T00:00:00Z"
    for name in (missing, "A" * 27, f"{'A' * 27}/nobody@example.org"):
        done = command("show", name)
        assert (done.returncode, done.stdout) == (3, b""), done.stderr
        assert done.stderr.count(b"\n") == 1
    empty = command("list", "--email", "nobody@example.org", "-o", "json")
    assert (empty.returncode, json.loads(empty.stdout)) == (0, [])


def test_an_image_of_two_endorsers_asks_for_one_of_them(command, tmp_path):
    for number, name in enumerate(("first", "second")):
        identity = make_identity(name, f"{name}@example.org")
        write(tmp_path, f"{number}.xml", signed(image(content="shared"), identity))
    assert command("upload", "0.xml", "1.xml").returncode == 0
    identifier = image(content="shared").about
    done = command("show", identifier)
    assert done.returncode == 2
    assert b"first@example.org" in done.stderr
    assert command("show", f"{identifier}/second@example.org").returncode == 0


def test_list_filters_and_formats(command, tmp_path):
    write(tmp_path, "a.xml", signed(image(content="filters", os="plan9", locations=("pdisk:x",))))
    write(tmp_path, "b.xml", signed(image(content="filters 2", os="plan9", deprecated="old")))
    assert command("upload", "a.xml", "b.xml").returncode == 0
    assert command("list", "--search", "plan9", "-o", "id").stdout.count(b"\n") == 1
    assert command("list", "--search", "plan9", "--status", "all", "-o", "id").stdout.count(b"\n") == 2
    assert command("list", "--search", "plan9", "--location", "web", "-o", "id").stdout == b""
    table = command("list", "--search", "plan9").stdout.decode().splitlines()
    assert table[0].startswith("IDENTIFIER")
    assert len(table) == 2
    assert b"- identifier: " in command("list", "--search", "plan9", "-o", "yaml").stdout


def test_the_configuration_file_names_the_marketplace(server, tmp_path):
    bare = Command(tmp_path)
    done = bare("list")
    assert done.returncode == 2
    assert b"--endpoint" in done.stderr
    folder = tmp_path / ".config" / "marketplace"
    folder.mkdir(parents=True)
    (folder / "config.ini").write_text(f"[client]\nendpoint = {server.url}\n")
    assert bare("list").returncode == 0
    assert bare("list", STRATUSLAB_MARKETPLACE_ENDPOINT="http://127.0.0.1:1").returncode == 7
    assert bare("list", "--endpoint", server.url, MARKETPLACE_ENDPOINT="http://127.0.0.1:1").returncode == 0


def test_no_network_is_one_sentence(tmp_path):
    write(tmp_path, "a.xml", signed())
    nobody = Command(tmp_path, "http://127.0.0.1:1")
    for arguments in (["list"], ["show", "A" * 27], ["upload", "a.xml"]):
        done = nobody(*arguments)
        assert (done.returncode, done.stdout) == (7, b"")
        assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ncut",
        b"SSH-2.0-OpenSSH\r\n",
        b"",
    ],
)
def test_a_server_that_is_no_marketplace_is_one_sentence(tmp_path, answer):
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def respond():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=respond)
        thread.start()
        done = Command(tmp_path, f"http://127.0.0.1:{listener.getsockname()[1]}")("list")
        thread.join(HANGING)
    assert (done.returncode, done.stdout) == (7, b"")
    assert done.stderr.count(b"\n") == 1


def test_a_marketplace_that_sends_another_entry_is_not_believed(tmp_path):
    wanted, sent = signed(image(content="wanted")), signed(image(content="sent"))
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def respond():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(sent)}\r\n\r\n"
                connection.sendall(head.encode() + sent)

        thread = threading.Thread(target=respond)
        thread.start()
        ask = Command(tmp_path, f"http://127.0.0.1:{listener.getsockname()[1]}")
        done = ask("show", accept(wanted).coordinates.path())
        thread.join(HANGING)
    assert (done.returncode, done.stdout) == (5, b"")


def test_output_into_a_closed_pipe_ends_quietly(command, tmp_path):
    write(tmp_path, "a.xml", signed(image(content="pipe")))
    assert command("upload", "a.xml").returncode == 0
    pipeline = (
        f"'{sys.executable}' -c 'from marketplace.cli import main; main()' list --status all -o json | true"
    )
    done = subprocess.run(
        ["sh", "-c", pipeline], capture_output=True, env=command.environ, timeout=HANGING, check=False
    )
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr


def test_an_address_in_use_is_one_sentence(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        done = Command(tmp_path)("serve", "--data", tmp_path / "data", "--port", port)
    assert done.returncode == 7
    assert done.stderr.decode().splitlines()[-1] == (
        f"marketplace: cannot listen on 127.0.0.1:{port}: address already in use; stop what uses it, "
        "or choose a port by MARKETPLACE_SERVER_PORT (server.port)"
    )


@pytest.mark.parametrize(
    ("setting", "told", "code"),
    [
        ({"MARKETPLACE_SERVER_HOST": "192.0.2.1"}, "choose an address of this machine", 7),
        ({"MARKETPLACE_SERVER_HOST": "nothing.invalid"}, "choose an address of this machine", 7),
        ({"MARKETPLACE_DATA": "a-file"}, "a-file is a file; choose another one by --data", 1),
        ({"MARKETPLACE_DATABASE_URL": "postgresql+psycopg://u:secret@127.0.0.1:1/x"}, "database.url", 7),
    ],
    ids=["an address of another machine", "a name of nothing", "a file for the data", "no PostgreSQL"],
)
def test_a_start_that_fails_says_what_to_do(tmp_path, setting, told, code):
    (tmp_path / "a-file").touch()
    done = Command(tmp_path)("serve", "--port", "0", **setting)
    assert done.returncode == code
    last = done.stderr.decode().splitlines()[-1]
    assert told in last and "unexpected" not in last and "secret" not in last


def test_a_setting_that_names_a_file_which_is_not_there_is_told_at_the_start(tmp_path):
    settings = {"mail_host": "127.0.0.1", "mail_sender": "a@example.org", "mail_password_file": "nowhere"}
    with running_server(tmp_path, **settings) as server:
        line = server.await_log(level="error")
    assert "setting mail.password_file: nowhere cannot be read: no such file" in str(line["event"])


def test_fsck_export_and_import_work_beside_a_running_server(tmp_path):
    data, copy = tmp_path / "data", tmp_path / "copy"
    data.mkdir()
    with running_server(data) as server:
        call = Command(tmp_path, server.url)
        assert call("demo", "--data", data).returncode == 0
        ids = call("list", "--status", "all", "-o", "id").stdout
        assert ids.count(b"\n") >= 30
        assert call("fsck", "--data", data).returncode == 0
        assert call("export", "--data", data, "out").returncode == 0
        assert server.stop() == 0
    call = Command(tmp_path)
    assert call("db", "upgrade", "--data", copy).returncode == 0
    assert call("import", "--data", copy, "out").returncode == 0
    with running_server(copy) as server:
        listed = Command(tmp_path, server.url)("list", "--status", "all", "-o", "id").stdout
    assert sorted(listed.splitlines()) == sorted(ids.splitlines())


def test_search_finds_by_words_and_filters_and_suggests(server, command, tmp_path):
    for number in range(3):
        draft = image(content=f"cli search {number}", title=f"Quetzal server {number}", os="quetzalos")
        (tmp_path / "found.xml").write_bytes(signed(draft))
        assert command("upload", "found.xml").returncode == 0
    with server.client() as http:
        wait_for(lambda: http.get("/api/v1/search?q=quetzal").json()["total"] == 3)
    found = command("search", "quetzal", "--os", "quetzalos", "--limit", "2", "-o", "json")
    assert [row["os"] for row in json.loads(found.stdout)] == ["quetzalos"] * 2
    assert b"2 of 3" in found.stderr
    assert command("search", "quetzal", "--arch", "mips", "-o", "id").stdout.strip() == b""
    assert b"try: quetzal" in command("search", "quetzel").stderr
    refused = command("search", "a*")
    assert refused.returncode == 2
    assert b"search.prefix-too-short" in refused.stderr
