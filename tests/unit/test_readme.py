"""The README's picture, and the container that it names."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from marketplace.config import load_settings
from tests.unit.cli.test_help import parse

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTAINER = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")


def test_the_pictures_are_there_and_light() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert pictures
    for name in pictures:
        content = (ROOT / name).read_bytes()
        assert content[8:12] == b"WEBP" and 10_000 < len(content) < 100_000


def test_the_links_of_the_readme_lead_to_files() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert len(targets) > 15
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_container_runs_commands_and_settings_that_there_are(tmp_path: Path) -> None:
    (command,) = re.findall(r"^CMD (.*)$", CONTAINER, re.M)
    shell, option, line = json.loads(command)
    assert (shell, option) == ("sh", "-c")
    for one in line.split(" && "):
        parse(shlex.split(one.removeprefix("exec ")))
    values = dict(re.findall(r"(MARKETPLACE_[A-Z_]+)=(\S+)", CONTAINER))
    assert len(values) == 3
    # A name that is no setting would be refused.
    settings = load_settings(None, values | {"MARKETPLACE_DATA": str(tmp_path)}, {})
    assert settings.server.host == "0.0.0.0"  # inside the container
