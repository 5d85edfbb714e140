"""Writes docs/attacks.md: ``python -m tests.attacks.table``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.attacks.catalogue import ATTACKS
from tests.attacks.distrust import DISTRUSTED
from tests.attacks.webhooks import WEBHOOK_ATTACKS

PAGE = Path(__file__).parent.parent.parent / "docs" / "attacks.md"

_HEAD = """\
# Hostile documents

The test suite makes every document of this page itself (`tests/attacks`) and sends it four ways:
to acceptance, over HTTP to a running server, through `marketplace import`, and as bytes that
somebody put into the store, where `marketplace fsck` must find them. Each has to be refused for
the reason that belongs to it, with no error of any other kind, within half a second of CPU time.

This page is written by `python -m tests.attacks.table`; a test keeps it true.

## Refused by acceptance

| class | documents | refused with |
| --- | --- | --- |
"""

_TRUST = """
## Accepted, and not trusted

Acceptance does not look at trust: every marketplace keeps the same entries, whatever its anchors are.
These entries are valid by themselves, and the site's verdict has to be no, by the rule that belongs
to the attack. They are judged one by one with the files of their site (`validators`), and all
together by two running servers, over HTTP (`/api/v1/entries/.../decision`) and with
`marketplace why`, which trust an honest endorser at the same time.

| class | entries | verdict: standing of the certificate and rule that fails |
| --- | --- | --- |
"""

_FUZZ = """
## Found by chance

`make test` sends some thousand random changes of these documents through acceptance, `make soak`
a million, and `python -m tests.attacks.fuzz_accept SECONDS` as many as fit into a night; where
atheris is installed it is guided by coverage. Whatever comes in, an entry or a refusal comes out,
and at once.

Judging is total in the same way: `python -m tests.attacks.fuzz_judging SECONDS` changes the
certificates and revocation lists of the second table at random, signs most of them again, and asks
for the verdict, some thousand times in `make test` and a million times in `make soak`. Whatever a
certificate's bytes are, it has a verdict, and what the library cannot read is not trusted.
"""

_IMPERSONATION = """
## Somebody else's address

Anybody can write an endorser's address into their own certificate, and acceptance takes what it
signs. Such an entry, uploaded or let in by a peer that takes everything, does nothing to the endorser
whose certificate the site trusts for the address (`tests/attacks/test_impersonation.py`, on a site that
shows chained entries only and on one that shows all):

- her entry stays current, in lists, tags, searches and `slterms:tag "latest"`; a deprecation by a stranger
  withdraws nothing of hers;
- her next upload is taken, also where the stranger's is newer, or has its coordinates already;
- both entries say that two certificates use one address: the page, `also_current` in the interface, and
  `marketplace show`;
- what she says later supersedes what the stranger said.

Where a site trusts neither certificate it shows both, flagged: no entry supersedes one of another key
([adr 25](adr/0025-who-supersedes-whom.md)).
"""

_LISTS = """
## Signed image lists

Anybody who may change a view can upload a HEPiX image list that an endorser signed
(`tests/functional/test_signed_list_refusals.py`; copies in `tests/functional/test_signed_lists.py`).

| attack | what happens | test |
| --- | --- | --- |
| a list of images of another endorser, of other bytes, or that are not in the view \
| refused with `signed-list.image` | `test_what_is_no_list_of_its_signer_is_refused` |
| an altered text, MIME parts in it, a weak digest, a short key \
| refused with `signed-list.signature`, `signed-list.form` or `signed-list.signer` | the same |
| a certificate of nobody's authority with the endorser's address \
| refused with `signed-list.signer` | the same |
| the list of another view or site \
| refused with `signed-list.address`: readers compare the address in a list with theirs | the same |
| words around the signed text: headers, text before or after the parts \
| not served: the site puts the signed text and its signature into a message of its own \
| `test_nothing_that_was_not_signed_is_served` |
| an old list with an image that was withdrawn since | the site signs its own list again \
| `test_an_image_that_is_withdrawn_brings_back_the_list_of_the_site` |
| a copy with a list of somebody else's images | `verify --static` refuses it \
| `test_a_copy_has_the_list_and_is_proved_with_it` |
"""
_MEMORY = """
## Memory

An upload that is refused leaves nothing behind. A megabyte of `<?a?>` was a tree of 30 MB that stayed
in a cycle of error, traceback and frames: 120 such uploads took 1.5 GB. Now

- a document has 2 000 comments and processing instructions at most (`limit.comments`), as it has
  2 000 elements;
- a refusal holds no frame of acceptance and no tree, and what answers it empties the frames of the
  request;
- two documents are accepted at the same time, and what they took is given back to the system.

`make test` sends hundreds of these documents to a server from sixteen clients, as uploads, forms and
dry runs; `make soak` sends 2 000 of each class. Afterwards the server may hold 50 MB more than at its start.
"""

_WEBHOOK_HEAD = """
## Webhooks

Anybody who has a token can have this site send requests, and read in the log of deliveries what came of them.

| attack | what happens | test |
| --- | --- | --- |
"""


def page() -> str:
    """The page as it ought to be."""
    return f"{_refused()}{_distrusted()}{_IMPERSONATION}{_webhooks()}{_LISTS}{_MEMORY}{_FUZZ}"


def _webhooks() -> str:
    rows = [
        f"| {attack} | {outcome} | {', '.join(f'`{one}`' for one in tests)} |\n"
        for attack, outcome, tests in WEBHOOK_ATTACKS
    ]
    return f"{_WEBHOOK_HEAD}{''.join(rows)}"


def _distrusted() -> str:
    kinds: dict[str, Counter[str]] = {}
    for attack in DISTRUSTED:
        kinds.setdefault(attack.kind, Counter())[f"{attack.standing}, {attack.rule}"] += 1
    rows = [f"| {kind} | {verdicts.total()} | {_codes(verdicts)} |\n" for kind, verdicts in kinds.items()]
    return f"{_TRUST}{''.join(rows)}| **all** | **{len(DISTRUSTED)}** | |\n"


def _refused() -> str:
    kinds: dict[str, Counter[str]] = {}
    for attack in ATTACKS:
        kinds.setdefault(attack.kind, Counter())[attack.code] += 1
    rows = [f"| {kind} | {codes.total()} | {_codes(codes)} |\n" for kind, codes in kinds.items()]
    return f"{_HEAD}{''.join(rows)}| **all** | **{len(ATTACKS)}** | {len(_all_codes())} codes |\n"


def _codes(codes: Counter[str]) -> str:
    return ", ".join(f"`{code}` {count}" for code, count in sorted(codes.items()))


def _all_codes() -> set[str]:
    return {attack.code for attack in ATTACKS}


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
