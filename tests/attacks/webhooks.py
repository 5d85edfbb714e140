"""Attacks by and on webhooks: what happens, and the tests that try it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class WebhookAttack(NamedTuple):
    """What somebody tries, what comes of it, and the tests that hold it."""

    attack: str
    outcome: str
    tests: tuple[str, ...]


WEBHOOK_ATTACKS: Sequence[WebhookAttack] = (
    WebhookAttack(
        "an address inside: loopback, private, link-local, metadata, mapped into IPv6, written as one number",
        "refused when the webhook is made or changed",
        ("tests/webhooks/test_addresses.py::test_an_address_that_cannot_be_is_refused",),
    ),
    WebhookAttack(
        "a name that leads inside",
        "not asked, at any attempt; the log does not say which address it is",
        ("tests/webhooks/test_addresses.py::test_a_name_that_leads_inside_is_not_asked",),
    ),
    WebhookAttack(
        "a name that answers otherwise a moment later (DNS rebinding)",
        "resolved once for each connection, which goes to the address that was looked at",
        (
            "tests/webhooks/test_addresses.py"
            "::test_a_name_is_resolved_once_and_its_address_is_what_is_connected_to",
        ),
    ),
    WebhookAttack(
        "a redirect inside, a receiver that hangs, drips or fails",
        "a failure: redirects are not followed, one attempt has one deadline",
        ("tests/webhooks/test_delivery.py::test_what_fails_is_tried_again_and_holds_up_what_is_behind",),
    ),
    WebhookAttack(
        "an answer without end, or with markup and control characters",
        "4 KiB are read and 500 printable characters kept",
        ("tests/webhooks/test_delivery.py::test_an_answer_without_end_is_read_to_a_bound",),
    ),
    WebhookAttack(
        "receivers that hang, by one owner",
        "two turns of four at most, and 20 webhooks",
        ("tests/webhooks/test_changing.py::test_one_owner_does_not_take_all_turns",),
    ),
    WebhookAttack(
        "thousands of webhooks that want nothing",
        "moved on in one transaction",
        (
            "tests/webhooks/test_changing.py"
            "::test_thousands_of_webhooks_that_want_nothing_cost_few_transactions",
        ),
    ),
    WebhookAttack(
        "a stolen token makes a webhook, or changes the address of one",
        "revoking the token ends the webhook",
        (
            "tests/webhooks/test_recipients.py::test_rights_that_ended_end_the_webhook",
            "tests/webhooks/test_changing.py::test_the_token_that_changed_it_takes_it_along",
        ),
    ),
    WebhookAttack(
        "a token that only reads, or an administrator, changes where events go that it may not see",
        "refused",
        ("tests/webhooks/test_changing.py::test_who_may_change_a_webhook",),
    ),
    WebhookAttack(
        "guessing the webhooks of others",
        "404, as for one that never was, by every route",
        ("tests/functional/test_privacy_matrix.py::test_not_granted_is_not_existing",),
    ),
    WebhookAttack(
        "secrets in a log, a list or a copy of the database",
        "encrypted by a key in a file beside the database, shown once",
        (
            "tests/webhooks/test_a_server.py::test_by_the_command_line",
            "tests/webhooks/test_delivery.py::test_the_database_alone_signs_nothing",
        ),
    ),
    WebhookAttack(
        "a request sent again later, or by somebody else",
        "the receiver's library refuses it: id, time and body are signed",
        ("tests/webhooks/test_delivery.py::test_an_event_arrives_signed_and_in_order",),
    ),
)
