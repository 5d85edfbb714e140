"""Migrations expand the schema, so that the version at work survives them, or say that they contract it."""

from __future__ import annotations

import ast
import hashlib
import re
from pathlib import Path

import pytest

from marketplace.migrate import migrations_directory

#: Takes something away that the version before this one may use.
_TAKES_AWAY = {"drop_table", "drop_column", "rename_table", "alter_column", "create_check_constraint"}
_TAKES_AWAY |= {
    "create_unique_constraint",
    "create_foreign_key",
    "create_primary_key",
    "create_exclude_constraint",
}
#: The same, and more that keeps writers waiting, in SQL.
_SQL = re.compile(
    r"\b(drop|rename|truncate|delete|set not null|add constraint|lock table|cluster|vacuum full)\b", re.I
)
#: Made everything, when no other version was.
FIRST = "0001"
#: Each released migration, with the SHA-256 of its file: a release adds its own (docs/releasing.md).
RELEASED = {
    "0001_create_the_tables.py": "eb8f271b38ab9c995f562f02a9c87970b448c1a21190438301008f48cc080430",
}


def find_faults(source: str) -> list[str]:
    """What in a migration the version at work would not survive, or would have to wait for."""
    tree = ast.parse(source)
    said = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    if said.get("kind") == "contract":
        oldest = said.get("oldest")
        return [] if isinstance(oldest, str) and FIRST < oldest <= said["revision"] else ["names no `oldest`"]
    if said.get("kind") != "expand":
        return ['says neither kind = "expand" nor "contract"']
    (upgrade,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade"]
    created = {_text(call.args[0]) for call in _calls(upgrade) if _name(call) == "create_table"}
    return [fault for call in _calls(upgrade) for fault in _faults_of(call, created)]


def _faults_of(call: ast.Call, created: set[str]) -> list[str]:
    name, given = _name(call), {word.arg: word.value for word in call.keywords}
    if name == "create_index" and _text(call.args[1]) not in created:
        return ["create_index keeps writers waiting: use build_index"]
    if name == "add_column":
        column = call.args[-1]
        words = {word.arg: word.value for word in column.keywords} if isinstance(column, ast.Call) else {}
        nullable = words.get("nullable")
        empty = isinstance(nullable, ast.Constant) and nullable.value is True
        return [] if empty or "server_default" in words else ["add_column of one that may not be empty"]
    if name in _TAKES_AWAY and (not call.args or _text(call.args[0]) not in created):
        harmless = name == "alter_column" and set(given) <= {"server_default", "comment"}
        return [] if harmless else [name]
    if name == "execute":
        return [f"execute: {found}" for part in ast.walk(call) for found in _SQL.findall(_text(part))]
    return []


def _calls(tree: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _text(node: ast.AST) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ""


def migrations() -> list[Path]:
    return sorted((migrations_directory() / "versions").glob("*.py"))


@pytest.mark.parametrize("path", migrations(), ids=lambda path: path.stem)
def test_the_version_at_work_survives_each_migration(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    faults = find_faults(source)
    if path.name.startswith(FIRST):
        # Whatever it does, it does to an empty database.
        faults = [fault for fault in faults if "kind" in fault]
    assert faults == []
    assert re.search(r"^revision = \"(\d{4})\"$", source, re.M)[1] == path.name[:4]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("op.drop_column('entry', 'title')", "drop_column"),
        ("op.drop_table('entry')", "drop_table"),
        ("op.rename_table('entry', 'other')", "rename_table"),
        ("op.alter_column('entry', 'title', nullable=False)", "alter_column"),
        ("op.alter_column('entry', 'title', new_column_name='name')", "alter_column"),
        ("op.create_index('i', 'entry', ['title'])", "build_index"),
        ("op.create_unique_constraint('u', 'entry', ['title'])", "create_unique_constraint"),
        ("op.add_column('entry', sa.Column('x', sa.Text(), nullable=False))", "may not be empty"),
        ("op.execute(sa.text('ALTER TABLE entry DROP COLUMN title'))", "DROP"),
        ("op.execute('alter table entry rename to other')", "rename"),
        ("op.execute('DELETE FROM entry')", "DELETE"),
        ("with op.batch_alter_table('entry') as batch:\n        batch.drop_column('title')", "drop_column"),
    ],
)
def test_what_takes_away_is_found(body: str, fault: str) -> None:
    head = "revision = '0002'\n"
    (found,) = find_faults(f"{head}kind = 'expand'\ndef upgrade():\n    {body}\n")
    assert fault in found
    assert find_faults(f"{head}kind = 'contract'\noldest = '0002'\ndef upgrade():\n    {body}\n") == []
    assert find_faults(f"{head}def upgrade():\n    {body}\n") != []
    assert find_faults(f"{head}kind = 'contract'\ndef upgrade():\n    {body}\n") != []


def test_what_expands_is_left_alone() -> None:
    body = """
    op.create_table('fresh', sa.Column('id', sa.Integer()))
    op.create_index('i', 'fresh', ['id'])
    op.add_column('entry', sa.Column('x', sa.Text(), nullable=True))
    op.add_column('entry', sa.Column('y', sa.Text(), nullable=False, server_default=''))
    build_index(op, 'j', 'entry', ['x'])
    op.execute("UPDATE entry SET x = 'a' WHERE id < 10")
"""
    assert find_faults(f"revision = '0002'\nkind = 'expand'\ndef upgrade():{body}") == []


def find_changed(folder: Path) -> list[str]:
    """What is wrong with released migrations, in words for whoever changed one."""
    faults = []
    for name, digest in RELEASED.items():
        path = folder / name
        if not path.exists():
            faults.append(f"{name} is gone")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            faults.append(f"{name} was changed")
    return faults


def test_released_migrations_stay_as_they_were() -> None:
    faults = find_changed(migrations_directory() / "versions")
    assert not faults, (
        f"{', '.join(faults)}. Databases that ran it will never see the change. Take the change "
        "back, and write a new migration that expands the schema: docs/changing.md, `Schema changes`."
    )


def test_a_changed_and_a_missing_migration_are_seen(tmp_path: Path) -> None:
    (name,) = list(RELEASED)[:1]
    assert find_changed(tmp_path) == [f"{one} is gone" for one in RELEASED]
    original = (migrations_directory() / "versions" / name).read_bytes()
    (tmp_path / name).write_bytes(original + b"\n")
    assert find_changed(tmp_path)[0] == f"{name} was changed"
