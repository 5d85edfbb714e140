"""What differs on a terminal: passwords are asked for there, and progress is shown only there."""

import os
import pty
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import yaml

from tests.factories.documents import image, signed, unsigned
from tests.factories.identities import make_identity
from tests.factories.images import qcow2
from tests.launching import COMMAND, launch, run
from tests.waiting import HANGING
from validators import accept


def on_terminal(arguments, answers, cwd):
    """Run the command on a terminal of its own; returns its exit code, what the terminal showed, stdout."""
    controller, terminal = pty.openpty()
    environ = {k: v for k, v in os.environ.items() if not k.startswith("MARKETPLACE_")}
    sink = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
    with os.fdopen(terminal, "r+b", buffering=0) as shows:
        process = launch(
            [*COMMAND, *arguments],
            environ | {"TERM": "xterm"},
            folder=cwd,
            stdin=terminal,
            stdout=sink,
            stderr=shows,
            session=True,
        )
    shown = b""
    deadline = time.monotonic() + HANGING
    waiting = dict(answers)
    try:
        while time.monotonic() < deadline:
            if not select.select([controller], [], [], 0.2)[0]:
                continue
            try:
                piece = os.read(controller, 4096)
            except OSError:  # how Linux says that nobody has the terminal open any more
                break
            if not piece:
                break
            shown += piece
            for question in [question for question in waiting if question in shown]:
                os.write(controller, waiting.pop(question))
        code = process.wait(HANGING)
        sink.seek(0)
        return code, shown, sink.read()
    finally:
        process.kill()
        process.wait(HANGING)
        sink.close()
        os.close(controller)


@pytest.mark.parametrize(("answer", "code"), [(b"XYZXYZ\n", 0), (b"wrong\n", 4), (b"\x04", 1)])
def test_the_password_is_asked_for_and_not_shown(tmp_path, answer, code):
    (tmp_path / "draft.xml").write_bytes(unsigned())
    (tmp_path / "jane.p12").write_bytes(make_identity().pkcs12("XYZXYZ"))
    exit_code, shown, out = on_terminal(
        ["sign", "--p12", "jane.p12", "draft.xml"], {b"Password": answer}, tmp_path
    )
    assert exit_code == code, shown
    assert b"XYZXYZ" not in shown
    assert b"Traceback" not in shown
    if code == 0:
        accept(out)


def test_progress_is_shown_on_a_terminal(tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.xml").write_bytes(signed())
    assert on_terminal(["db", "upgrade", "--data", "data"], {}, tmp_path)[0] == 0
    for command in (["import", "--data", "data", "files"], ["fsck", "--data", "data"]):
        code, shown, out = on_terminal(command, {}, tmp_path)
        assert (code, out) == (0, b"")
        assert b"100%" in shown


def piped(arguments, cwd, **environ):
    """Run the command while nobody reads its standard output; its exit code, and standard error."""
    reading, writing = os.pipe()
    os.close(reading)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MARKETPLACE_")}
    with os.fdopen(writing, "wb") as unread:
        return into(unread, [os.fsdecode(word) for word in arguments], cwd, kept | environ)


def into(stdout, arguments, cwd, environ):
    """Run the command with a standard output; its exit code, and standard error."""
    with tempfile.TemporaryFile() as said:
        process = launch([*COMMAND, *arguments], environ, folder=cwd, stdout=stdout, stderr=said)
        code = process.wait(HANGING)
        said.seek(0)
        return code, said.read()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["list", "--help"], 0),
        (["audit", "--data", "data", "-o", "json"], 0),
        (["verify", "good.xml"], 0),
        (["verify", "good.xml", "bad.xml"], 5),
        (["sign", "--p12", "jane.p12", "draft.xml"], 0),
    ],
)
def test_a_reader_that_leaves_changes_nothing(tmp_path, arguments, code):
    (tmp_path / "draft.xml").write_bytes(unsigned())
    (tmp_path / "good.xml").write_bytes(signed())
    (tmp_path / "bad.xml").write_bytes(b"<a/>")
    (tmp_path / "jane.p12").write_bytes(make_identity().pkcs12("XYZXYZ"))
    if "--data" in arguments:
        assert piped(["db", "upgrade", "--data", "data"], tmp_path)[0] == 0
    found, said = piped(arguments, tmp_path, MARKETPLACE_KEY_PASSWORD="XYZXYZ")
    assert found == code, said
    assert b"Errno" not in said and b"pipe" not in said


def test_what_is_left_to_do_is_done_without_a_reader(tmp_path):
    (tmp_path / "draft.xml").write_bytes(unsigned())
    (tmp_path / "jane.p12").write_bytes(make_identity().pkcs12("XYZXYZ"))
    arguments = ["sign", "--p12", "jane.p12", "--out", "signed.xml", "draft.xml"]
    assert piped(arguments, tmp_path, MARKETPLACE_KEY_PASSWORD="XYZXYZ")[0] == 0
    accept((tmp_path / "signed.xml").read_bytes())


def test_a_full_disk_is_still_told(tmp_path):
    (tmp_path / "good.xml").write_bytes(signed())
    with Path("/dev/full").open("wb") as full:
        code, said = into(full, ["verify", "good.xml"], tmp_path, os.environ)
    assert (code, said) == (1, b"marketplace: no space left on device\n")


def test_whoever_stops_a_command_that_is_still_loading_sees_no_traceback():
    stop = (
        "import sys\n"
        "class Stop:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'click': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Stop())\n"
    )
    done = subprocess.run([sys.executable, "-c", stop + COMMAND[-1]], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (1, b"stopped.\n")


def test_describing_an_image_loads_nothing_that_proves_entries(tmp_path):
    (tmp_path / "image").write_bytes(qcow2())
    program = (
        "import sys\n"
        "from marketplace.cli import run\n"
        "code = run(['describe', 'image'])\n"
        "sys.exit(code or bool({'lxml', 'cryptography.x509', 'httpx'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_verifying_a_file_loads_no_client(tmp_path):
    (tmp_path / "signed.xml").write_bytes(signed(image(), make_identity()))
    program = (
        "import sys\n"
        "from marketplace.cli import run\n"
        "code = run(['verify', 'signed.xml'])\n"
        "sys.exit(code or bool({'httpx', 'signxml', 'marketplace.client'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"signed.xml: ok" in done.stdout


def test_a_hostile_image_is_one_sentence_whatever_the_library_says(tmp_path):
    (tmp_path / "image").write_bytes(qcow2(backing_file=b"/etc/passwd"))
    code, said = piped(["describe", "image"], tmp_path)
    assert code == 5
    assert said.count(b"\n") == 1, said


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_text_that_the_locale_lacks_is_spelled_out(tmp_path, encoding):
    script = (
        "from marketplace.cli import run\n"
        "from marketplace.cli.output import write_record\n"
        "from marketplace.cli.streams import show_every_character\n"
        "show_every_character()\n"
        "for form in ('table', 'json', 'yaml'):\n"
        "    write_record({'title': '\\xe9t\\xe9 \\u2192 \\u65e5\\u672c'}, form, 'title')\n"
    )
    environ = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, env=os.environ | environ, check=False
    )
    assert done.returncode == 0, done.stderr
    *_, as_yaml = done.stdout.decode("latin-1").strip().rpartition("\n")
    assert yaml.safe_load(as_yaml) == {"title": "été → 日本"}


def test_an_argument_that_is_no_text_is_one_sentence(tmp_path):
    environ = {"LC_ALL": "C.UTF-8", "MARKETPLACE_ENDPOINT": "http://127.0.0.1:9"}
    for command in ("list", "search"):
        option = [b"--search"] if command == "list" else []
        code, said = piped([command, *option, b"\xe9t\xe9"], tmp_path, **environ)
        assert code == 2
        assert b"not text in this locale (utf-8)" in said
        assert said.count(b"\n") == 1


@pytest.mark.parametrize(
    ("module", "extra", "arguments"),
    [
        ("psycopg", "postgresql", ["db", "upgrade"]),
        ("tantivy", "fast", ["reindex"]),
    ],
)
def test_a_missing_extra_is_named(tmp_path, module, extra, arguments):
    script = f"import sys; sys.modules[{module!r}] = None; from marketplace.cli import main; main()"
    environ = {k: v for k, v in os.environ.items() if not k.startswith("MARKETPLACE_")}
    environ["MARKETPLACE_DATA"] = str(tmp_path)
    if module == "psycopg":
        environ["MARKETPLACE_DATABASE_URL"] = "postgresql://nobody@127.0.0.1:9/nothing"
    else:
        environ["MARKETPLACE_SEARCH_ENGINE"] = "tantivy"
        assert run([*COMMAND, "db", "upgrade"], environ).returncode == 0
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], env=environ, capture_output=True, check=False
    )
    assert done.returncode == 2
    assert f"marketplace[{extra}]".encode() in done.stderr
    assert done.stderr.count(b"\n") == 1
