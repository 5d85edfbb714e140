"""site.toml: typed, every fault at once, the environment on top."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketplace.sites.configuration import find_file, read_configuration, scalars, variable
from marketplace.sites.errors import SiteConfigurationError
from marketplace.sites.template import template

GOOD = """
name = "lab"
state = "state"
run = "/run/site"
[[marketplace]]
url = "https://mp.example.org/"
[policy]
endorsers.allow = ["*@example.org"]
size.most = "20GiB"
[decision]
stale_after = "12h"
[fetch.credentials."images.example.org"]
bearer_file = "token"
[[store]]
name = "pool"
type = "libvirt"
pool = "images"
path = "pool"
[[subscription]]
name = "s"
tag = "alice@example.org/a/b"
stores = ["pool"]
[[hook]]
on = ["ExpirePrefix"]
run = ["/bin/true", "a b"]
"""


POOL = 'type = "libvirt"\npool = "images"\npath = "pool"'


def write(folder: Path, text: str) -> Path:
    file = folder / "site.toml"
    file.write_text(text)
    return file


def faults(folder: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(SiteConfigurationError) as refused:
        read_configuration(write(folder, text), environ)
    return refused.value.faults


def test_every_value_is_typed_and_paths_are_read_from_the_folder_of_the_file(tmp_path: Path) -> None:
    read = read_configuration(write(tmp_path, GOOD), {})
    table = read.table
    assert table.state == tmp_path / "state" and table.run == Path("/run/site")
    assert table.marketplace[0].url == "https://mp.example.org"
    assert table.decision.stale_after == 12 * 3600
    assert table.fetch.credentials["images.example.org"].bearer_file == tmp_path / "token"
    assert table.store[0].path == tmp_path / "pool"
    assert table.subscription[0].question == (
        ("endorser", "alice@example.org"), ("tag", "a/b"), ("status", "all"),
    )  # fmt: skip
    assert table.hook[0].run == ("/bin/true", "a b")
    assert read.policy.most_size == 20 << 30


def test_every_fault_is_named_at_once_with_what_it_is_of(tmp_path: Path) -> None:
    text = GOOD.replace('"12h"', '"soon"').replace('"20GiB"', '"much"').replace('["pool"]', '["pol"]')
    text += '\n[[store]]\nname = "x"\ntype = "tape"\npath = "p"\n[surprise]\na = 1\n'
    found = faults(tmp_path, text)
    assert any(one.startswith("decision stale_after: must be a duration") for one in found), found
    assert any(one.startswith("policy.size.most") for one in found), found
    assert any(one.startswith("store x: has the type 'tape'") for one in found), found
    assert "surprise: unknown setting" in found


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('stores = ["pool"]', 'stores = ["pol"]', "subscription s names the store pol, which is not there"),
        ('tag = "alice@example.org/a/b"', 'tag = "alice@example.org"', "tag must be written ENDORSER/TAG"),
        ('tag = "alice@example.org/a/b"', "", "exactly one of tag, search, endorser and image"),
        ('run = ["/bin/true", "a b"]', 'run = ["true"]', "absolute path"),
        ('on = ["ExpirePrefix"]', 'on = ["Expired"]', "on names Expired"),
        ('url = "https://mp.example.org/"', 'url = "mp.example.org"', "must be a URL"),
        ('name = "lab"', 'name = "a b"', "must begin with a letter or digit"),
        ('bearer_file = "token"', 'user = "u"', "give either bearer_file, or user and password_file"),
        ("[decision]", "[decision]\nunknown = true", "decision unknown"),
        ('stale_after = "12h"', "stale_after = 0", "decision stale_after: must be more than 0 s"),
        ('stale_after = "12h"', 'when_stale = "perhaps"', "decision when_stale: must be refuse or keep"),
        ('stale_after = "12h"', 'refuse_migrations = "perhaps"', "refuse_migrations: must be true or false"),
        ("[decision]", "[fetch]\nparallel = 0\n[decision]", "fetch parallel: must be from 1 to 64"),
        ("[decision]", "[fetch]\nparallel = 1.5\n[decision]", "fetch parallel: must be a whole number"),
        ("[decision]", "[fetch]\nparallel = true\n[decision]", "fetch parallel: must be a whole number"),
        ("[decision]", '[trust]\nanchors = "a.pem"\n[decision]', "trust anchors: must be a list in brackets"),
        (
            "[decision]",
            "[trust]\nanchors = [1]\n[decision]",
            "trust anchors number 1: must be text",
        ),
        ("[decision]", "[network]\nallow_inbound = [70_000]\n[decision]", "must be from 1 to 65535"),
        ('name = "lab"', 'name = "lab"\ntrust = 1', "trust: must be a table"),
        ('name = "lab"\n', "", "name: is missing"),
        ('name = "lab"', "name = 1", "name: must be text in quotes"),
        ('state = "state"', 'state = "state"\nreceipts = [1]', "receipts: must be a table"),
        (
            'bearer_file = "token"',
            "bearer_file = 1",
            "fetch credentials images.example.org bearer_file",
        ),
        ('type = "libvirt"\n', "", "store pool: needs a type: directory, glance, libvirt, s3"),
        ('url = "https://mp.example.org/"', "poll = 0", "marketplace number 1 url: is missing"),
        ('url = "https://mp.example.org/"', "poll = 0", "must be at least 0.05 s and at most 86400 s"),
        ('stores = ["pool"]', "stores = []", "subscription s stores: must not be empty"),
        (POOL, 'type = "s3"\nbucket = "../x"', "must be the name of a bucket"),
        (POOL, 'type = "s3"\nbucket = "images"\nprefix = "a/../"', "prefix: must end with a slash"),
        (POOL, 'type = "s3"\nbucket = "images"\nendpoint = "s3.example.org"', "must be a URL"),
    ],
)
def test_each_fault_says_what_to_do(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    assert any(told in one for one in faults(tmp_path, GOOD.replace(old, new)))


def test_the_environment_sets_every_scalar_and_a_wrong_name_is_a_fault(tmp_path: Path) -> None:
    environ = {
        "MARKETPLACE_SITE_DECISION_STALE_AFTER": "1h",
        "MARKETPLACE_SITE_POLICY_SIZE_MOST": "1GiB",
        "MARKETPLACE_SITE_DECISION_REFUSE_MIGRATIONS": "true",
        "MARKETPLACE_SITE_CONFIG": "ignored",
    }
    read = read_configuration(write(tmp_path, GOOD), environ)
    assert read.table.decision.stale_after == 3600 and read.table.decision.refuse_migrations
    assert read.policy.most_size == 1 << 30
    assert faults(tmp_path, GOOD, MARKETPLACE_SITE_DECISON_STALE_AFTER="1h") == [
        "MARKETPLACE_SITE_DECISON_STALE_AFTER: unknown setting"
    ]
    assert len({variable(name) for name in scalars()}) == len(list(scalars()))


@pytest.mark.parametrize("text", ["a = ", "\x00", "[" * 5000, "a = 1\n" * 200_000])
def test_what_is_no_toml_is_told_in_one_sentence(tmp_path: Path, text: str) -> None:
    assert len(faults(tmp_path, text)) == 1


def test_the_file_is_looked_for_where_it_is_documented(tmp_path: Path) -> None:
    assert find_file(tmp_path / "x", {}) == tmp_path / "x"
    assert find_file(None, {"MARKETPLACE_SITE_CONFIG": "/y"}) == Path("/y")


def test_what_init_writes_can_be_used(tmp_path: Path) -> None:
    read = read_configuration(write(tmp_path, template("orsay", "https://mp.example.org", None)), {})
    assert read.table.store[0].name == "images"


def test_every_example_of_the_documentation_can_be_used(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "sites.md").read_text()
    examples = [one.partition("```")[0] for one in text.split("```toml\n")[1:]]
    whole = GOOD.replace("[policy]\n" + GOOD.partition("[policy]\n")[2].partition("[decision]")[0], "")
    examples.append("[network]\nallow_inbound = [22]\nallow_outbound = [25]\nallow_all = false\n")
    found = read_configuration(write(tmp_path, whole + "\n".join(examples)), {})
    assert {one.type for one in found.table.store} == {"libvirt", "glance", "s3"}
    assert found.policy.most_virtual_size == 200 << 30 and len(found.policy.require) == 2
