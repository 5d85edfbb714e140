"""The command of an image's page for cloud sites."""

from __future__ import annotations

import shlex

from tests.functional.pasting import paste, steps_for
from tests.launching import COMMAND
from tests.sites.clouds import Cloud
from tests.sites.content import ContentServer
from tests.sites.pictures import qcow2


def test_a_site_imports_what_its_people_ask_for(cloud: Cloud, content: ContentServer) -> None:
    picture = qcow2("asked for")
    cloud.say(picture.draft(content.put("asked.qcow2", picture.data)))
    assert cloud.sync().imported == 0  # no subscription names it
    file = cloud.folder / "asked.qcow2"
    file.write_bytes(picture.data)
    command = f'marketplace() {{ {shlex.join(COMMAND)} "$@"; }}\n'
    paste(command + steps_for("openstack", file)[0].line, cloud.folder)
    assert cloud.sync().imported == 1
