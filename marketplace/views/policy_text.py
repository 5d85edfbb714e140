"""A policy as the TOML that people edit."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def write_policy(policy: Mapping[str, Any]) -> str:
    """The table as TOML that ``tomllib`` reads as the same table: what is plain first, then its tables."""
    plain = [(name, value) for name, value in policy.items() if not _is_table(value)]
    lines = [f"{_key(name)} = {_value(value)}" for name, value in plain]
    for name, value in policy.items():
        for table in (value if isinstance(value, list) else [value]) if _is_table(value) else ():
            mark = f"[[{_key(name)}]]" if isinstance(value, list) else f"[{_key(name)}]"
            lines += ["", mark, *(f"{_key(one)} = {_value(said)}" for one, said in table.items())]
    return "\n".join(lines).strip() + "\n" if lines else ""


def _is_table(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, Mapping) for one in value)
    return isinstance(value, Mapping)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(name)} = {_value(said)}" for name, said in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        # JSON and TOML write texts alike, apart from one character that TOML wants spelled out.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
