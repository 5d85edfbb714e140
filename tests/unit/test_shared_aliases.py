"""Aliases of tables that all threads use are whole before any of them does."""

from __future__ import annotations

import ast
import sys
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from marketplace.models import EntryBody
from marketplace.models.aliases import shared_alias
from tests.launching import ROOT

#: Without what ``shared_alias`` does, one of 30 goes wrong.
ROUNDS, THREADS = 250, 4


@pytest.fixture
def turns() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("turns")
def test_threads_that_use_an_alias_first_all_get_its_columns() -> None:
    for _ in range(ROUNDS):
        body, ready, made = shared_alias(EntryBody), threading.Barrier(THREADS), []

        def use(
            body: type[EntryBody] = body, ready: threading.Barrier = ready, made: list[str] = made
        ) -> None:
            ready.wait()
            made.append(str(select(body.id).where(body.strength == "strong", body.sha256 == "")))

        threads = [threading.Thread(target=use) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == THREADS and not [one for one in made if "entry_body." in one]


def test_no_module_keeps_an_alias_of_another_kind() -> None:
    kept = []
    for path in sorted((ROOT / "marketplace").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        for statement in ast.parse(source).body if "aliased(" in source else ():
            if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                continue
            calls = [one for one in ast.walk(statement) if isinstance(one, ast.Call)]
            kept += [
                f"{path.relative_to(ROOT)}:{one.lineno}"
                for one in calls
                if ast.unparse(one.func).rpartition(".")[2] == "aliased"
            ]
    assert not kept, "use marketplace.models.aliases.shared_alias"
