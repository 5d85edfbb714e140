"""The parser forgets the names of documents: no upload may take memory for good."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from lxml import etree

from tests.unit.validators.judging import made
from validators import accept, treeparser

ROOT = Path(__file__).parent.parent.parent.parent

FLOOD = """
import resource
from validators import accept
from validators.errors import RefusedError

def flood(first, last):
    for number in range(first, last):
        names = (f"n{number}x{index}{'n' * 200}" for index in range(1_900))
        document = "<r>" + "".join(f"<{name} a{name}='1'/>" for name in names) + "</r>"
        try:
            accept(document.encode())
        except RefusedError:
            pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

before = flood(0, 40)
print((flood(40, 120) - before) // 1024)
"""


def test_a_flood_of_new_names_does_not_fill_the_memory() -> None:
    run = subprocess.run([sys.executable, "-c", FLOOD], capture_output=True, text=True, cwd=ROOT, check=True)
    # Eighty documents bring 64 MB of names; what stays is one dictionary and what the allocator keeps.
    assert int(run.stdout) < 30


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(treeparser, "FORGET_AFTER", 1)


@pytest.mark.usefixtures("forgetful")
def test_forgetting_between_any_two_documents_changes_nothing() -> None:
    data = made()
    old = etree.fromstring(data)
    entry = accept(data)
    assert all(accept(data) == entry for _ in range(50))
    new = etree.fromstring(data)
    new.append(old)
    assert new[-1].tag == new.tag


@pytest.mark.usefixtures("forgetful")
def test_threads_forget_by_themselves() -> None:
    data = made()
    ids: list[str] = []

    def work() -> None:
        ids.extend(accept(data).entry_id for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ids == [accept(data).entry_id] * 200
