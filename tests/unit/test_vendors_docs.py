"""docs/vendors.md says what the settings are and which codes there are."""

import re
from pathlib import Path

from marketplace.vendors import errors
from marketplace.vendors.settings import _TEXTS, read_settings

PAGE = (Path(__file__).parent.parent.parent / "docs" / "vendors.md").read_text(encoding="utf-8")


def test_the_example_can_be_used(tmp_path) -> None:
    (tmp_path / "vendors.toml").write_text(PAGE.partition("```toml\n")[2].partition("```")[0])
    (vendor,) = read_settings(tmp_path / "vendors.toml")
    match = vendor.file.fullmatch("debian-13-generic-amd64-20260101-1234.qcow2")
    assert match is not None
    assert match["version"] == "20260101-1234"


def test_every_setting_and_every_code_is_told() -> None:
    table = PAGE.partition("## The settings")[2].partition("## Where")[0]
    for name in (*_TEXTS, "withdraw", "[vendor.terms]"):
        assert f"`{name}`" in table, name
    codes = {
        one.code
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, errors.VendorError)
    }
    assert codes - {"vendor"} <= set(re.findall(r"`([a-z.-]+)`", PAGE))
