"""Imports run one way: this is the picture of docs/architecture.md, held against the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

#: What each part may import of the others. A part may always import itself.
FOUNDATION = {
    "validators",
    "marketplace.config",
    "marketplace.facets",
    "marketplace.authorities",
    "marketplace.deadlines",
    "marketplace.files",
    "marketplace.limits",
    "marketplace.logs",
    "marketplace.moments",
    "marketplace.portions",
    "marketplace.service_thread",
}
STORE = FOUNDATION | {
    "marketplace.db",
    "marketplace.migrate",
    "marketplace.upgrading",
    "marketplace.models",
    "marketplace.access",
    "marketplace.audit",
    "marketplace.background",
    "marketplace.thread_slots",
    "marketplace.queue",
}
FOLLOWED = STORE | {"marketplace.changes"}
RULED = FOLLOWED | {"marketplace.rules"}
SERVICES = RULED | {
    "marketplace.catalogue",
    "marketplace.accounts",
    "marketplace.conflicts",
    "marketplace.entries",
    "marketplace.ingest",
    "marketplace.federation",
    "marketplace.tlog",
    "marketplace.receipts",
    "marketplace.evidence",
    "marketplace.sparql",
    "marketplace.search",
    "marketplace.mail",
    "marketplace.trust",
    "marketplace.trust_files",
    "marketplace.worker",
    "marketplace.confirmation",
    "marketplace.reminders",
    "marketplace.locations",
    "marketplace.watch",
    "marketplace.presence",
    "marketplace.judging",
    "marketplace.views",
    "marketplace.events",
    "marketplace.webhooks",
    "marketplace.usage",
}
PROCESS = SERVICES | {
    "marketplace.metrics",
    "marketplace.oidc",
    "marketplace.peers",
    "marketplace.replica",
    "marketplace.runtime",
    "marketplace.demo",
    "marketplace.archive",
    "marketplace.backup",
    "marketplace.fsck",
}
MAY_IMPORT = {
    "validators": set(),
    "marketplace.config": {"validators"},
    "marketplace.files": set(),
    "marketplace.logs": set(),
    "marketplace.moments": set(),
    "marketplace.portions": set(),
    "marketplace.limits": set(),
    "marketplace.memory": set(),
    "marketplace.service_thread": set(),
    "marketplace.text": set(),
    "marketplace.facets": {"validators"},
    "marketplace.system_errors": set(),
    "marketplace.authorities": set(),
    "marketplace.deadlines": set(),
    "marketplace.models": {"validators"},
    "marketplace.db": {"marketplace.models", "marketplace.migrate", "marketplace.upgrading"},
    "marketplace.upgrading": {"validators", "marketplace.migrate"},
    "marketplace.migrate": {"validators", "marketplace.models", "marketplace.db"},
    "marketplace.access": set(),
    "marketplace.audit": {"marketplace.logs", "marketplace.models"},
    "marketplace.queue": {"marketplace.models"},
    "marketplace.events": FOLLOWED,
    "marketplace.webhooks": RULED
    | {
        "marketplace.accounts",
        "marketplace.background",
        "marketplace.catalogue",
        "marketplace.deadlines",
        "marketplace.events",
        "marketplace.locations",
        "marketplace.mail",
        "marketplace.presence",
        "marketplace.views",
    },
    "marketplace.renewal": {"marketplace.db", "marketplace.models", "marketplace.service_thread"},
    "marketplace.background": {"marketplace.db", "marketplace.models", "marketplace.service_thread"},
    "marketplace.thread_slots": {"marketplace.db"},
    "marketplace.replica": {
        "marketplace.db",
        "marketplace.metrics",
        "marketplace.service_thread",
        "marketplace.watched_server",
    },
    "marketplace.watched_server": {"marketplace.db", "marketplace.service_thread"},
    "marketplace.shared_limits": {
        "marketplace.db",
        "marketplace.limits",
        "marketplace.models",
        "marketplace.service_thread",
    },
    "marketplace.accounts": FOLLOWED,
    "marketplace.oidc": FOLLOWED | {"marketplace.accounts", "marketplace.client"},
    "marketplace.changes": STORE,
    "marketplace.rules": STORE,
    "marketplace.catalogue": STORE | {"marketplace.rules", "marketplace.text"},
    "marketplace.entries": RULED | {"marketplace.catalogue"},
    "marketplace.ingest": RULED
    | {"marketplace.audit", "marketplace.entries", "marketplace.events", "marketplace.memory"},
    # Pure, like acceptance: the client proves offline with it what the server signs with it.
    "marketplace.tlog": {"validators"},
    # Pure as well: sites sign with it, the server verifies with it.
    "marketplace.receipts": {"validators", "marketplace.tlog"},
    # Pure too: the server makes evidence, anybody proves it.
    "marketplace.evidence": {"validators", "marketplace.tlog"},
    "marketplace.federation": FOLLOWED
    | {"marketplace.entries", "marketplace.ingest", "marketplace.tlog", "marketplace.client"},
    "marketplace.federation_views": PROCESS | {"marketplace.http"},
    "marketplace.processes": set(),
    "marketplace.sparql": RULED
    | {"marketplace.entries", "marketplace.processes", "marketplace.system_errors"},
    "marketplace.search": RULED
    | {"marketplace.catalogue", "marketplace.entries", "marketplace.processes", "marketplace.text"},
    # Without a database, so that whoever follows a marketplace judges with it too.
    "marketplace.trust_files": {"validators"},
    "marketplace.trust": FOLLOWED | {"marketplace.events", "marketplace.trust_files"},
    "marketplace.usage": RULED,
    "marketplace.judging": FOLLOWED
    | {"marketplace.usage"}
    | {"marketplace.entries", "marketplace.ingest", "marketplace.rules", "marketplace.trust"},
    "marketplace.mail": STORE,
    "marketplace.reminders": FOLLOWED | {"marketplace.mail"},
    "marketplace.confirmation": FOLLOWED
    | {"marketplace.audit", "marketplace.ingest", "marketplace.mail", "marketplace.trust"},
    "marketplace.watch": FOLLOWED | {"marketplace.locations", "marketplace.mail", "marketplace.reminders"},
    "marketplace.presence": RULED
    | {
        "marketplace.events",
        "marketplace.locations",
        "marketplace.mail",
        "marketplace.receipts",
        "marketplace.reminders",
        "marketplace.tlog",
        "marketplace.usage",
        "marketplace.watch",
    },
    "marketplace.views": RULED
    | {
        "marketplace.accounts",
        "marketplace.catalogue",
        "marketplace.entries",
        "marketplace.federation",
        "marketplace.files",
        "marketplace.judging",
        "marketplace.locations",
        "marketplace.search",
        "marketplace.tlog",
        "marketplace.trust",
        "marketplace.usage",
        "marketplace.watch",
    },
    "marketplace.worker": FOLLOWED | {"marketplace.system_errors"},
    "marketplace.conflicts": RULED | {"marketplace.entries", "marketplace.events", "marketplace.mail"},
    "marketplace.peers": SERVICES - {"marketplace.sparql"} | {"marketplace.processes"},
    "marketplace.metrics": set(),
    "marketplace.following": SERVICES | {"marketplace.system_errors"},
    "marketplace.runtime": SERVICES
    | {
        "marketplace.following",
        "marketplace.memory",
        "marketplace.metrics",
        "marketplace.oidc",
        "marketplace.peers",
        "marketplace.renewal",
        "marketplace.replica",
        "marketplace.shared_limits",
    },
    "marketplace.client": {
        "validators",
        "marketplace.tlog",
        "marketplace.authorities",
        "marketplace.deadlines",
    },
    # Nothing of the server: publishers and cloud sites run it without one.
    "marketplace.images": {"validators", "marketplace._vendor"},
    "marketplace._vendor": set(),
    "marketplace.locations": {"marketplace.authorities", "marketplace.deadlines"},
    "marketplace.publishing": {
        "validators",
        "marketplace.files",
        "marketplace.images",
        "marketplace.locations",
        "marketplace.client",
    },
    "marketplace.vendors": {
        "validators",
        "marketplace.client",
        "marketplace.deadlines",
        "marketplace.files",
        "marketplace.images",
        "marketplace.publishing",
    },
    # A cloud site is no server: what it needs of ours has no database and no web framework.
    "marketplace.sites": {
        "validators",
        "marketplace.authorities",
        "marketplace.client",
        "marketplace.deadlines",
        "marketplace.files",
        "marketplace.images",
        "marketplace.limits",
        "marketplace.locations",
        "marketplace.logs",
        "marketplace.memory",
        "marketplace.moments",
        "marketplace.portions",
        "marketplace.receipts",
        "marketplace.tlog",
        "marketplace.trust_files",
    },
    "marketplace.demo": SERVICES,
    "marketplace.backup": {"validators"},
    "marketplace.archive": SERVICES,
    "marketplace.fsck": SERVICES,
    "marketplace.http": PROCESS | {"marketplace.request_log"},
    "marketplace.pages": PROCESS | {"marketplace.http", "marketplace.publishing"},
    "marketplace.original": PROCESS | {"marketplace.http", "marketplace.pages"},
    "marketplace.api": PROCESS | {"marketplace.http", "marketplace.pages", "marketplace.original"},
    "marketplace.routes": PROCESS | {"marketplace.http", "marketplace.api"},
    "marketplace.connections": {"marketplace.logs", "marketplace.proxies"},
    "marketplace.proxies": set(),
    "marketplace.prefork": {"marketplace.config"},
    "marketplace.request_log": {"marketplace.logs"},
    "marketplace.server": PROCESS
    | {"marketplace", "marketplace.connections", "marketplace.proxies", "marketplace.request_log"},
    "marketplace.cli": PROCESS
    | {
        "marketplace.client",
        "marketplace.images",
        "marketplace.locations",
        "marketplace.publishing",
        "marketplace.server",
        "marketplace.vendors",
        "marketplace.sites",
        "marketplace",
    },
    "marketplace": PROCESS
    | {"marketplace.prefork"}
    | {f"marketplace.{part}" for part in ("http", "original", "pages", "api", "routes")},
}

#: What a part of ``peers`` may import of the others; modules at the top of ``peers`` import all of them.
INSIDE_PEERS = {
    "acceptance": set(),
    "remote": set(),
    "registry": {"remote"},
    "pull": {"acceptance", "registry", "remote"},
    "witness": {"registry", "remote"},
}

#: A pure package knows no framework, no network, no database and no clock.
IMPURE = {
    "pyramid",
    "sqlalchemy",
    "httpx",
    "socket",
    "time",
    "os",
    "random",
    "logging",
    "marketplace",
    "asyncio",
}


def part_of(module: str) -> str:
    """The part a dotted module name belongs to: its first two levels, or ``validators``."""
    names = module.split(".")
    if names[0] == "validators":
        return "validators"
    return ".".join(names[:2])


def modules(package: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / package).rglob("*.py")):
        names = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(names[:-1] if names[-1] == "__init__" else names), path


def imports(path: Path, module: str) -> Iterator[str]:
    """Every module a file imports, relative ones resolved."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *([node.module] if node.module else [])])
            names = [alias.name for alias in node.names]
            inner = [
                name for name in names if base in ("marketplace", "validators") and is_module(base, name)
            ]
            yield from (f"{base}.{name}" for name in inner)
            if len(inner) < len(names):
                yield base


def is_module(package: str, name: str) -> bool:
    return (ROOT / package / name).is_dir() or (ROOT / package / f"{name}.py").exists()


OURS = [*modules("validators"), *modules("marketplace")]


@pytest.mark.parametrize(("module", "path"), OURS, ids=[module for module, _ in OURS])
def test_a_module_imports_only_what_lies_below_it(module: str, path: Path) -> None:
    part = part_of(module)
    assert part in MAY_IMPORT, (
        f"{part} has no place in the layers yet: give it one here and in docs/architecture.md"
    )
    used = {
        part_of(name) for name in imports(path, module) if name.split(".")[0] in ("marketplace", "validators")
    }
    assert used - {part} <= MAY_IMPORT[part]


@pytest.mark.parametrize(("module", "path"), list(modules("validators")))
def test_acceptance_is_pure(module: str, path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path, module)} & IMPURE


PURE = [
    *modules("marketplace/tlog"), *modules("marketplace/receipts"), *modules("marketplace/evidence")
]  # fmt: skip


@pytest.mark.parametrize(("module", "path"), PURE)
def test_proofs_and_receipts_are_pure(module: str, path: Path) -> None:
    pure = {"marketplace.tlog", "marketplace.receipts", "marketplace.evidence"}
    outside = {name for name in imports(path, module) if part_of(name) not in pure}
    assert not {name.split(".")[0] for name in outside} & IMPURE


@pytest.mark.parametrize(("module", "path"), [*modules("marketplace/views/dialects")])
def test_dialects_are_pure(module: str, path: Path) -> None:
    ours = {"marketplace.views.value", "marketplace.views.errors", "marketplace.views.dialects"}
    outside = {name for name in imports(path, module) if not name.startswith(tuple(ours))}
    assert not {name.split(".")[0] for name in outside} & IMPURE


def test_the_migrations_folder_does_not_shadow_the_library() -> None:
    assert not (ROOT / "alembic" / "__init__.py").exists()


@pytest.mark.parametrize("part", INSIDE_PEERS)
def test_inside_peers_imports_run_one_way_too(part: str) -> None:
    allowed = {f"marketplace.peers.{one}" for one in (part, *INSIDE_PEERS[part])}
    packages = {f"marketplace.peers.{one}" for one in INSIDE_PEERS}
    for module, path in modules(f"marketplace/peers/{part}"):
        for imported in imports(path, module):
            package = ".".join(imported.split(".")[:3])
            assert package not in packages - allowed, f"{module} imports {imported}"


def test_no_two_public_classes_have_one_name() -> None:
    found: dict[str, list[str]] = {}
    for module, path in OURS:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(module)
    assert {name: modules for name, modules in found.items() if len(modules) > 1} == {}
