"""What ``--help`` says of groups."""

from __future__ import annotations

import click
import pytest

from marketplace.cli.application import COMMANDS, application

_CONTEXT = click.Context(application)
GROUPS = [name for name in COMMANDS if isinstance(application.get_command(_CONTEXT, name), click.Group)]


@pytest.mark.parametrize("name", GROUPS)
def test_no_sentence_of_a_group_is_cut(name: str) -> None:
    group = application.get_command(_CONTEXT, name)
    assert isinstance(group, click.Group)
    with click.Context(group, info_name=name, parent=_CONTEXT) as context:
        listed = group.get_help(context).partition("Commands:")[2]
    assert listed
    assert "..." not in listed and "…" not in listed
