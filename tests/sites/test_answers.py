"""Answers: the verdict file, the socket and domains, with input that nobody should send."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.sites.decisions.answering import NAME, AnswerServer, ask_socket
from marketplace.sites.decisions.answers import Answer, Answers, TimedVerdict, clean_reason
from marketplace.sites.decisions.domains import CANARY, DomainError, chain_of, judge_domain, parse_domain
from marketplace.sites.decisions.hook import hook_text, install_hook
from marketplace.sites.decisions.verdict_file import read_verdicts, write_verdicts
from marketplace.sites.state.transitions import FOLLOWING, CopyState, TransitionError, verify_transition
from tests.sites.pictures import qcow2
from tests.waiting import HANGING

KEYS = st.text(min_size=1).map(lambda text: f"path:/{text}")
VERDICTS = st.builds(
    TimedVerdict,
    st.booleans(),
    st.none() | st.integers(0, 2**40).map(float),
    st.text(min_size=1).map(clean_reason),
)


@given(st.dictionaries(KEYS, VERDICTS, max_size=20))
def test_what_the_verdict_file_says_is_what_was_written(verdicts: dict[str, TimedVerdict]) -> None:
    import tempfile

    answers = Answers(verdicts, 10.0, 20.0, "keep", "refuse")
    with tempfile.TemporaryDirectory() as folder:
        write_verdicts(Path(folder), answers)
        read = read_verdicts(Path(folder))
    assert (read.made, read.fresh_until, read.when_stale, read.unknown) == (10.0, 20.0, "keep", "refuse")
    for key, one in verdicts.items():
        found = read.verdicts[key]
        assert (found.allowed, found.until) == (one.allowed, one.until)
        assert found.reason.split() == one.reason.split() or not one.reason.strip()


def test_the_file_is_readable_for_any_program(tmp_path: Path) -> None:
    verdicts = {"id:x": TimedVerdict(False, None, "bad\nthing"), "path:/a b%": TimedVerdict(True, 99.5, "ok")}
    cleaned = {
        key: TimedVerdict(one.allowed, one.until, clean_reason(one.reason)) for key, one in verdicts.items()
    }
    write_verdicts(tmp_path, Answers(cleaned, 1, 2))
    assert (tmp_path / "verdicts").read_text() == (
        "# marketplace verdicts 1  made 1  fresh-until 2  stale refuse  unknown allow\n"
        "id:x refuse - bad thing\npath:/a%20b%25 allow 99 ok\n"
    )


def test_time_and_staleness_make_answers_stricter_only() -> None:
    answers = Answers({"id:a": TimedVerdict(True, 50, "a"), "id:b": TimedVerdict(False, None, "b")}, 0, 100)
    assert answers.ask("id:a", 49) == Answer(True, True, 50, "a")
    assert not answers.ask("id:a", 50).allowed
    assert not answers.ask("id:b", 0).allowed
    late = Answers({"id:a": TimedVerdict(True, None, "a")}, 0, 100)
    assert late.ask("id:a", 99).allowed and not late.ask("id:a", 100).allowed
    kept = Answers({"id:a": TimedVerdict(True, 500, "a")}, 0, 100, "keep")
    assert kept.ask("id:a", 300).allowed and not kept.ask("id:a", 500).allowed
    assert answers.ask("id:c", 0).allowed and not answers.ask("id:c", 0).known
    assert not Answers(unknown="refuse").ask("id:c", 0).allowed


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    server = AnswerServer(tmp_path, lambda key: Answer(key == "id:yes", True, None, key), lambda: b"m 1\n")
    server.start()
    yield tmp_path
    server.stop()


def test_the_socket_answers_by_key_and_by_domain(served: Path) -> None:
    assert ask_socket(served, b"GET /may-start/id:yes HTTP/1.0\r\n\r\n", 5)[0] == 200
    status, headers, reason = ask_socket(served, b"GET /may-start/id:no%20no HTTP/1.0\r\n\r\n", 5)
    assert (status, reason, headers["x-known"]) == (403, "id:no no", "yes")
    assert ask_socket(served, b"GET /metrics HTTP/1.0\r\n\r\n", 5)[2] == "m 1"
    domain = f"<domain><name>{CANARY}</name></domain>".encode()
    head = b"POST /libvirt HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(domain)
    assert ask_socket(served, head + domain, 5)[0] == 403


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /x HTTP/1.0\r\n\r\n",
        b"POST /libvirt HTTP/1.0\r\n\r\n",
        b"POST /libvirt HTTP/1.0\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST /libvirt HTTP/1.0\r\nContent-Length: -1\r\n\r\n",
        b"POST /libvirt HTTP/1.0\r\nContent-Length: 3\r\n\r\n<d>",
        b"GET /may-start/" + b"x" * 9000 + b" HTTP/1.0\r\n\r\n",
        b"DELETE / HTTP/1.0\r\n\r\n",
    ],
)
def test_odd_questions_are_refused_and_harm_nobody(served: Path, sent: bytes) -> None:
    status, _, _ = ask_socket(served, sent, 5)
    assert status >= 400
    assert ask_socket(served, b"GET /may-start/id:yes HTTP/1.0\r\n\r\n", 5)[0] == 200


def test_what_is_no_http_at_all_harms_nobody(served: Path) -> None:
    with pytest.raises(OSError, match="not HTTP"):
        ask_socket(served, b"\x00\xff\r\n\r\n", 5)
    assert ask_socket(served, b"GET /may-start/id:yes HTTP/1.0\r\n\r\n", 5)[0] == 200


def test_silent_clients_keep_nobody_from_asking(served: Path) -> None:
    silent = []
    for _ in range(40):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(served / NAME))
        silent.append(client)
    answers: list[int] = []

    def ask() -> None:
        answers.append(ask_socket(served, b"GET /may-start/id:yes HTTP/1.0\r\n\r\n", 10)[0])

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANGING)
    assert answers == [200] * 10
    for client in silent:
        client.close()


DOMAIN = """<domain type='qemu'><name>m</name><metadata>
<mp:image xmlns:mp='https://marketplace.example.org/site/1'>
<mp:identifier> claimed </mp:identifier></mp:image>
</metadata><devices><disk><source file='/a.raw'/><backingStore><source file='/b.raw'/></backingStore></disk>
<disk><source dev='/dev/x'/></disk></devices></domain>"""


def test_a_domain_is_refused_where_any_of_its_images_is() -> None:
    domain = parse_domain(DOMAIN.encode())
    assert domain.sources == ("/a.raw", "/b.raw", "/dev/x") and domain.claims == ("id:claimed",)

    def ask(*refused: str, known: tuple[str, ...] = ()) -> Answer:
        def one(key: str) -> Answer:
            return Answer(key not in refused, key in (*refused, *known), 7.0, key)

        return judge_domain(domain, one)

    assert ask().allowed and not ask().known
    assert ask(known=("path:/a.raw",)) == Answer(True, True, 7.0, "path:/a.raw")
    assert not ask("path:/b.raw", known=("path:/a.raw",)).allowed
    assert not ask("id:claimed", known=("path:/a.raw",)).allowed
    # A claim alone makes no image of an unknown disk.
    assert not ask(known=("id:claimed",)).known


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "<d/>", "<domain>", "<domain>" + "<a>" * 300_000,
        '<!DOCTYPE d [<!ENTITY a "x">]><domain><name>&a;&a;</name>',
    ],
)  # fmt: skip
def test_what_is_no_domain_is_refused(text: str) -> None:
    with pytest.raises(DomainError):
        parse_domain(text.encode())


def test_entities_of_a_domain_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    text = f'<!DOCTYPE d [<!ENTITY a SYSTEM "file://{tmp_path}/secret">]><domain><name>&a;</name></domain>'
    assert "secret" not in parse_domain(text.encode()).name


def test_what_lies_behind_a_disk_is_found_without_opening_it(tmp_path: Path) -> None:
    base = tmp_path / "base.raw"
    base.write_bytes(b"x")
    (tmp_path / "middle").write_bytes(qcow2("m", backing="base.raw").data)
    (tmp_path / "top").write_bytes(qcow2("t", backing=str(tmp_path / "middle")).data)
    (tmp_path / "link").symlink_to(tmp_path / "top")
    assert [Path(one).name for one in chain_of(str(tmp_path / "link"))] == ["top", "middle", "base.raw"]
    (tmp_path / "loop").write_bytes(qcow2("l", backing="loop").data)
    assert [Path(one).name for one in chain_of(str(tmp_path / "loop"))] == ["loop"]


def test_the_table_of_transitions_is_whole() -> None:
    assert set(FOLLOWING) == set(CopyState)
    reached, front = {CopyState.WANTED}, {CopyState.WANTED}
    while front:
        front = {after for before in front for after in FOLLOWING[before]} - reached
        reached |= front
    assert reached == set(CopyState)
    # Nothing is shown that was not verified, and nothing leaves quarantine for the users' sight.
    assert {before for before, after in FOLLOWING.items() if CopyState.AVAILABLE in after} == {
        CopyState.VERIFIED,
        CopyState.WITHDRAWN,
    }
    assert FOLLOWING[CopyState.QUARANTINED] == {CopyState.WANTED, CopyState.REMOVED}
    with pytest.raises(TransitionError):
        verify_transition(CopyState.FILLING, CopyState.AVAILABLE)


def test_an_answer_takes_no_time() -> None:
    answers = Answers({f"id:{n}": TimedVerdict(True, None, "x") for n in range(10_000)}, 0, 1e12)
    floor = _least(lambda: {}.get("x"))
    assert _least(lambda: answers.ask("id:77", 1)) < 500 * max(floor, 1e-7)


def _least(act: object) -> float:
    times = []
    for _ in range(200):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return min(times)


def test_the_hook_starts_python_only_where_it_has_to_decide(tmp_path: Path) -> None:
    text = hook_text(tmp_path, "allow", "why").replace("/usr/bin/python3", "/nowhere/python3")
    hook = install_hook(tmp_path / "qemu.d", text)
    for action, code in (("started", 0), ("start", 0), ("release", 0), ("prepare", 127), ("restore", 127)):
        done = subprocess.run(
            [hook, "machine", action, "begin", "-"], input=b"<domain/>", capture_output=True
        )
        assert done.returncode == code, (action, done.stderr)


def test_the_hook_loads_no_more_than_it_needs_to_ask(served: Path) -> None:
    """What it loads is most of what it adds to the start of a machine."""
    text = hook_text(served, "refuse", "why").replace("python3 -IS", "python3 -X importtime -IS")
    hook = install_hook(served / "qemu.d", text)
    words = [hook, "machine", "prepare", "begin", "-"]
    done = subprocess.run(words, input=b"<domain><devices/></domain>", capture_output=True, text=False)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines()}
    assert done.returncode in (0, 6) and "_socket" in loaded  # it was answered
    assert not loaded & {"socket", "re", "enum", "collections", "site"}
