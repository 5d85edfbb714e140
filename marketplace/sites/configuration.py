"""Reads site.toml, and what the environment sets in its place; every fault is named at once."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from marketplace.sites.errors import SiteConfigurationError
from marketplace.sites.setting_kinds import DictOf, ListOf, faults_of, kinds_of, read_table
from marketplace.sites.settings import DecisionTable, FetchTable, ReceiptsTable, SiteTable, TrustTable
from marketplace.sites.store_settings import StoreTable
from validators.policy import Policy, PolicyError, parse_policy

PREFIX = "MARKETPLACE_SITE_"
#: Names the file itself, so it is no setting of it.
CONFIG_VARIABLE = PREFIX + "CONFIG"
#: Where the file is looked for, in this order.
SEARCHED = (Path("site.toml"), Path("/etc/marketplace/site.toml"))
_MOST_BYTES = 1 << 20

#: Scalars of the policy that the environment may set; the judge checks their values.
_POLICY_SCALARS = (
    "checksum.least",
    "deprecation",
    "age.most",
    "valid.required",
    "size.most",
    "virtual_size.most",
)


@dataclass(frozen=True)
class SiteConfiguration:
    """A site's configuration.

    Args:
        file: where it stands.
        table: everything but the policy, typed.
        policy: by which images are judged.
        only: the one subscription whose images are brought in; None: all.
    """

    file: Path
    table: SiteTable
    policy: Policy
    only: str | None = None


def find_file(option: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The configuration file to use: the option's, ``MARKETPLACE_SITE_CONFIG``, or the first that is there.

    Raises:
        SiteConfigurationError: there is none.
    """
    if option is not None:
        return option
    if environ.get(CONFIG_VARIABLE):
        return Path(environ[CONFIG_VARIABLE])
    for place in SEARCHED:
        if place.is_file():
            return place
    looked = " or ".join(map(str, SEARCHED))
    raise SiteConfigurationError(
        "the configuration",
        [f"there is no {looked}; give --config FILE, or write one: marketplace site init"],
    )


def read_configuration(file: Path, environ: Mapping[str, str] = os.environ) -> SiteConfiguration:
    """Read and check a configuration.

    Raises:
        SiteConfigurationError: naming every fault.
    """
    said = _read_toml(file)
    faults = list(_overlay(said, environ))
    table: SiteTable | None = None
    policy: Policy | None = None
    try:
        table = read_table(SiteTable, said)
    except ValidationError as error:
        faults += [_fault(where, message, said) for where, message in faults_of(error.messages)]
    try:
        given = said.get("policy", {})
        policy = parse_policy(given if isinstance(given, dict) else {})
    except PolicyError as error:
        faults += [f"policy.{fault.key} {fault.message}" for fault in error.faults]
    if faults or table is None or policy is None:
        raise SiteConfigurationError(str(file), faults)
    return SiteConfiguration(file, _anchored(table, file.absolute().parent), policy)


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise SiteConfigurationError(str(file), [f"it cannot be read ({error.strerror})"]) from None
    if len(data) > _MOST_BYTES:
        raise SiteConfigurationError(str(file), ["it has more than 1 MiB"])
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SiteConfigurationError(str(file), [f"it is not TOML: {error}"]) from None


def scalars() -> Iterator[str]:
    """Dotted names of every scalar that the environment may set."""
    yield from ("name", "state", "run", "metrics")
    for section, table in (
        ("trust", TrustTable),
        ("decision", DecisionTable),
        ("fetch", FetchTable),
        ("receipts", ReceiptsTable),
    ):
        for name, kind in kinds_of(table).items():
            if not isinstance(kind, ListOf | DictOf):
                yield f"{section}.{name}"
    yield from (f"policy.{name}" for name in _POLICY_SCALARS)


def variable(name: str) -> str:
    """The environment variable of a scalar."""
    return PREFIX + name.replace(".", "_").upper()


def _overlay(said: dict[str, Any], environ: Mapping[str, str]) -> Iterator[str]:
    """Put what the environment sets into the tables; yields a fault for each name that means nothing."""
    known = {variable(name): name for name in scalars()}
    for key, text in environ.items():
        if not key.startswith(PREFIX) or key == CONFIG_VARIABLE or not text.strip():
            continue
        if key not in known:
            yield f"{key}: unknown setting"
            continue
        *sections, last = known[key].split(".")
        table: Any = said
        for section in sections:
            table = table.setdefault(section, {}) if isinstance(table, dict) else None
        if isinstance(table, dict):
            value = text.strip()
            table[last] = {"true": True, "false": False}.get(value.lower(), value)


def _fault(steps: tuple[str | int, ...], message: str, said: dict[str, Any]) -> str:
    where: list[str] = []
    found: Any = said
    for step in steps:
        inside = isinstance(found, list) and isinstance(step, int)
        try:
            found = found[step]
        except (KeyError, IndexError, TypeError):
            found = None
        if inside:
            # "store.0" says less than the name of the store.
            known = (found.get("name") or found.get("url")) if isinstance(found, dict) else None
            where.append(known if isinstance(known, str) else f"number {int(step) + 1}")
        else:
            where.append(str(step))
    return f"{' '.join(where)}: {message}" if where else message


def _anchored(table: SiteTable, folder: Path) -> SiteTable:
    """Settings whose relative paths start at the folder of the file."""

    def at(path: Path | None) -> Path | None:
        return None if path is None else folder / path

    def places(values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(folder / value) for value in values)

    trust, receipts = table.trust, table.receipts
    credentials = {
        host: replace(one, bearer_file=at(one.bearer_file), password_file=at(one.password_file))
        for host, one in table.fetch.credentials.items()
    }
    return replace(
        table,
        state=folder / table.state,
        run=folder / table.run,
        marketplace=tuple(replace(one, token_file=at(one.token_file)) for one in table.marketplace),
        receipts=None if receipts is None else replace(receipts, key_file=folder / receipts.key_file),
        store=tuple(_anchored_store(one, folder) for one in table.store),
        fetch=replace(table.fetch, credentials=credentials),
        trust=replace(
            trust,
            anchors=places(trust.anchors),
            intermediates=places(trust.intermediates),
            crls=places(trust.crls),
            allowlist=at(trust.allowlist),
            password_file=at(trust.password_file),
        ),
    )


def _anchored_store(table: StoreTable, folder: Path) -> StoreTable:
    names = ("path", "clouds", "credentials", "cacert")
    found = {name: getattr(table, name, None) for name in names}
    changed: dict[str, Any] = {name: folder / path for name, path in found.items() if path is not None}
    return replace(table, **changed)
