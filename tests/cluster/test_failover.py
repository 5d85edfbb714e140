"""Machines of a cluster fail while entries are uploaded: none that was acknowledged is lost."""

from __future__ import annotations

import pytest

from tests.cluster.cluster import cluster
from tests.cluster.failing import NETWORK_CUT, PRIMARY_LOST, WEB_LOST
from tests.cluster.rounds import READS_AGAIN, UPLOADS_AGAIN, Outcome, run
from tests.federation.namespaces import reason_against
from tests.soaking import Tell

ROUNDS = 20
#: Waits of Patroni that are shorter than in the example, for the short form.
HASTY = {"ttl": 10, "loop_wait": 2, "retry_timeout": 3}


def assert_nothing_is_lost(outcome: Outcome) -> None:
    assert outcome.odd == []
    assert (outcome.verdict.lost, outcome.verdict.doubled) == (0, 0)
    assert outcome.verdict.acknowledged > 0


@pytest.mark.timeout(900)  # machines that a busy computer plays agree late
def test_nothing_is_lost_when_the_primary_is_cut_off_and_a_web_node_killed() -> None:
    """Without promises in seconds: nobody knows how busy the machine is."""
    reason = reason_against()
    with cluster(**HASTY) as made:
        assert all(server.user != 0 for server in (*made.web, made.worker))
        outcome = run(made, faults=(PRIMARY_LOST if reason else NETWORK_CUT, WEB_LOST))
    assert_nothing_is_lost(outcome)
    if reason:
        pytest.skip(f"killed and not cut off: {reason}")


@pytest.mark.soak
def test_machines_of_a_cluster_fail_in_turn(tell: Tell, capsys: pytest.CaptureFixture[str]) -> None:
    # Told as it happens, because it takes more than an hour; the table is for docs/scale.md.
    with capsys.disabled():
        with cluster() as made:
            outcome = run(made, ROUNDS, tell=lambda line: print(line, flush=True))
        print(outcome.table, outcome.line, sep="\n")
    found = outcome.verdict
    tell(len(outcome.pauses), found.acknowledged, found.lost, found.doubled, note=outcome.line)
    assert_nothing_is_lost(outcome)
    for pause in outcome.pauses:
        assert pause.uploads <= UPLOADS_AGAIN and pause.reads <= READS_AGAIN, pause
