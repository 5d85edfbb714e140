"""A site is no server: it loads neither the database library nor the web framework."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_a_site_loads_no_sqlalchemy_and_no_pyramid() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "marketplace" / "sites").rglob("*.py"))
        if path.name != "__init__.py"
    ]
    assert len(modules) > 30
    code = (
        "import importlib, json, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
    assert not {"sqlalchemy", "alembic", "pyramid", "webob"} & set(loaded)
    assert "httpcore" in loaded
