"""The files of deploy/monitoring: figures that a server has, and alerts that fire when they should."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.running import running_server

FOLDER = Path(__file__).parent.parent.parent / "deploy" / "monitoring"
#: Of the language of queries and of Prometheus itself.
_WORDS = re.compile(r"\b((?:marketplace|process|python)_[a-z_]+)\b")


def queries() -> list[str]:
    """Each query of the dashboard and of the alerts."""
    panels = json.loads((FOLDER / "grafana.json").read_text())["panels"]
    shown = [target["expr"] for panel in panels for target in panel["targets"]]
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [*shown, *(rule["expr"] for group in groups for rule in group["rules"])]


def test_dashboard_and_alerts_ask_for_figures_that_a_server_has(tmp_path: Path) -> None:
    with running_server(tmp_path, query_enabled="false") as server, server.client() as http:
        data = signed(image(content="watched"), make_identity())
        assert http.post("/metadata", content=data, headers={"Content-Type": "text/xml"}).status_code == 201
        told = http.get("/metrics").text
    there = {sample.name for family in text_string_to_metric_families(told) for sample in family.samples}
    asked = {name for query in queries() for name in _WORDS.findall(query)}
    assert len(asked) > 15
    assert asked - there == set()


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads((FOLDER / "grafana.json").read_text())["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells


def test_the_alerts_fire_when_they_should() -> None:
    if shutil.which("promtool") is None:
        complain = pytest.fail if os.environ.get("REQUIRE_PROMETHEUS") else pytest.skip
        complain("needs promtool: apt-get install prometheus")
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run(["promtool", *command], cwd=FOLDER, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
