"""Templates are compiled once for a process."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import Environment, meta
from pyramid.config import Configurator
from pyramid_jinja2 import get_jinja2_environment

import marketplace.pages
from marketplace.pages.rendering import add_templates

FOLDER = Path(marketplace.pages.__file__).parent / "templates"
PLACE = "marketplace:pages/templates/"
NAMES = sorted(path.name for path in FOLDER.glob("*.jinja2"))


def environment() -> Environment:
    config = Configurator()
    add_templates(config, {})
    config.commit()
    return get_jinja2_environment(config)


@pytest.fixture(scope="module")
def parsing() -> Environment:
    return environment()


@pytest.mark.parametrize("name", NAMES)
def test_a_template_names_others_in_full(parsing, name):
    # By a short name base.jinja2 is another template for each page.
    named = meta.find_referenced_templates(parsing.parse((FOLDER / name).read_text(encoding="utf-8")))
    assert set(named) <= {PLACE + other for other in NAMES}


def test_applications_of_a_process_share_what_was_compiled():
    first, second = (environment().get_template(f"{PLACE}base.jinja2") for _ in range(2))
    assert first is not second
    assert first.root_render_func.__code__ is second.root_render_func.__code__


def test_a_template_that_changed_is_compiled_anew(tmp_path):
    codes = []
    for text in ("one", "another", "one"):
        path = tmp_path / "page.jinja2"
        path.write_text(text)
        template = environment().get_template(str(path))
        assert template.render() == text
        codes.append(template.root_render_func.__code__)
    assert codes[0] is codes[2]
    assert codes[0] is not codes[1]
