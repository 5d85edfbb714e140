"""What a view is asked to be, checked: a name, a search, a policy and options."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qsl

from marketplace.access.principal import PUBLIC, Principal, Scope, group_log
from marketplace.accounts.names import GROUP_PATTERN
from marketplace.accounts.secrets import is_secret_of, is_view
from marketplace.facets import Facet
from marketplace.search.errors import SearchRefusedError
from marketplace.search.parameters import parse_request
from marketplace.search.request import SearchRequest
from marketplace.views.errors import DefinitionError
from validators.policy import Policy, PolicyError, parse_policy

#: The view that every marketplace has: all that it shows.
DEFAULT: Final = "default"
#: A name, behind the name of a group and a colon where the view is a group's.
NAME_PATTERN: Final = rf"(?:{GROUP_PATTERN}:)?[a-z0-9][a-z0-9._-]{{0,62}}"
_NAME: Final = re.compile(NAME_PATTERN)
#: What documents of some dialects need and no entry says.
OPTIONS: Final[Mapping[str, str]] = {
    "vo": "the virtual organisation that a HEPiX image list is for",
}
_LONGEST_OPTION: Final = 200
_LONGEST_TITLE: Final = 200
_LONGEST_DESCRIPTION: Final = 2000
_LONGEST_SEARCH: Final = 4000
#: What a search of a view may not narrow by: a view shows what is valid, all of it, by the state of the logs.
_NOT_OF_A_VIEW: Final = ("status", "limit", "cursor", "sort", "scope", "reachable", "expires-within")


@dataclass(frozen=True, slots=True)
class ListFacts:
    """What is known of a signed image list without reading it.

    Args:
        digest: SHA-256 of the message in hex.
        email: of the endorser who signed it.
        expires: its last moment.
    """

    digest: str
    email: str
    expires: datetime
    uploaded_at: datetime


@dataclass(frozen=True)
class Definition:
    """The stored definition of a view.

    Args:
        search: the query of a search's URL, as it was given.
        policy: the table as it was given; None where no policy judges.
        secret: whether it has an unguessable name, which is the only way in for who is not in its group.
        secret_digest: SHA-256 of its unguessable name, as ``digest_of`` makes it.
        changed_at: when it was made or changed last; None for the one that is there from the start.
        signed_list: the HEPiX list that an endorser uploaded for it; no part of what the view is.
    """

    name: str
    title: str = ""
    description: str = ""
    search: str = ""
    policy: Mapping[str, Any] | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    secret: bool = False
    secret_digest: str | None = None
    created_at: datetime | None = None
    changed_at: datetime | None = None
    changed_by: str = ""
    revision: int = 0
    signed_list: ListFacts | None = None

    @property
    def group(self) -> str | None:
        """The group whose view it is; None for one of the site."""
        group, colon, _ = self.name.rpartition(":")
        return group if colon else None

    @property
    def logs(self) -> frozenset[str]:
        """Names of the logs whose entries it shows, whoever asks."""
        return frozenset({PUBLIC} if self.group is None else {PUBLIC, group_log(self.group)})

    def is_visible_to(self, principal: Principal) -> bool:
        """Whether somebody who gives its name sees it, by what they may read."""
        return self.logs <= principal.logs and not (self.secret and self.group is None)

    def is_read_at(self, address: str) -> bool:
        """Whether some name, or secret name, is one that somebody reads it by."""
        if is_view(address):
            return self.secret_digest is not None and is_secret_of(address, self.secret_digest)
        return address == self.name and not (self.secret and self.group is None)

    def may_be_changed_by(self, principal: Principal) -> bool:
        """Whether somebody may make, replace and forget it, by its name alone."""
        if Scope.ADMIN in principal.scopes:
            return True
        return self.group is not None and principal.may_upload_to(self.group)

    def request(self, usual: Mapping[Facet, tuple[str, ...]]) -> SearchRequest:
        """The search, as the site reads it.

        Args:
            usual: the site's choice where the search names none.

        Raises:
            SearchRefusedError: it cannot be asked.
        """
        pairs = parse_qsl(self.search, keep_blank_values=True, max_num_fields=200)
        return parse_request(pairs, usual)

    def rules(self) -> Policy | None:
        """The policy; None where no policy judges.

        Raises:
            PolicyError: it cannot be used.
        """
        return None if self.policy is None else parse_policy(self.policy)


#: There from the start, until somebody replaces it.
BUILT_IN: Final = Definition(
    DEFAULT, title="All images", description="Every valid image that this marketplace shows."
)


def check(definition: Definition) -> Definition:
    """A definition that can be kept.

    Raises:
        DefinitionError: it cannot be; every fault is named.
    """
    faults: list[str] = []
    if not _NAME.fullmatch(definition.name):
        faults.append(
            "name must be 1-63 lower-case letters, digits and . _ -, beginning with a letter or digit; "
            "for a group GROUP:NAME"
        )
    for name, text, longest in (
        ("title", definition.title, _LONGEST_TITLE),
        ("description", definition.description, _LONGEST_DESCRIPTION),
        ("search", definition.search, _LONGEST_SEARCH),
    ):
        if len(text) > longest or not text.isprintable():
            faults.append(f"{name} is at most {longest} characters of one line")
    faults += _search_faults(definition)
    try:
        definition.rules()
    except PolicyError as error:
        faults += [f"policy: {one.key} {one.message}" for one in error.faults]
    for option, value in definition.options.items():
        if option not in OPTIONS:
            faults.append(f"there is no option {option[:50]!r}; there are {', '.join(OPTIONS)}")
        elif not isinstance(value, str) or len(value) > _LONGEST_OPTION or not value.isprintable():
            faults.append(f"option {option} is a text of at most {_LONGEST_OPTION} characters of one line")
    if faults:
        raise DefinitionError(*faults)
    return definition


def _search_faults(definition: Definition) -> list[str]:
    try:
        given = {name for name, _ in parse_qsl(definition.search, keep_blank_values=True, max_num_fields=200)}
        refused = sorted(given.intersection(_NOT_OF_A_VIEW))
        if refused:
            return [f"search: a view takes no {', '.join(refused)}: it shows all that is valid"]
        definition.request({Facet.STATUS: (), Facet.TRUST: ()}).query()
    except (SearchRefusedError, ValueError) as error:
        return [f"search: {error}"]
    return []


def digest(definition: Definition) -> str:
    """SHA-256 in hex of what a view is: of its JSON with sorted keys and without spaces."""
    told = {
        "name": definition.name,
        "title": definition.title,
        "description": definition.description,
        "search": definition.search,
        "policy": definition.policy,
        "options": dict(definition.options),
    }
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()


def epoch() -> datetime:
    """The time of what never changed."""
    return datetime(1970, 1, 1, tzinfo=UTC)
