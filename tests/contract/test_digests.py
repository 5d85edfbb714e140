"""Digests: equal for equal sets in any order, different otherwise, also part by part."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from marketplace.access import PUBLIC
from marketplace.db import Database
from marketplace.federation.digests import DigestService, SetDigests
from marketplace.federation.trees import Trees
from marketplace.tlog.digest import SetSum, sum_up
from tests.contract.test_integrator import publish, take_in
from tests.factories.entries import accepted

IDS = st.binary(min_size=32, max_size=32).map(bytes.hex)


@given(st.sets(IDS, max_size=30), st.randoms(use_true_random=False), st.integers(0, 30))
def test_a_digest_depends_on_the_set_alone(ids, random, cut):
    order = list(ids)
    random.shuffle(order)
    whole = SetSum().plus(order)
    assert whole == SetSum().plus(ids) == sum_up([SetSum().plus(order[:cut]), SetSum().plus(order[cut:])])
    assert whole == SetSum().plus(order[:cut]).plus(order[cut:])


@given(st.sets(IDS, max_size=10), IDS)
def test_one_more_entry_is_another_digest(ids, added):
    ids -= {added}
    assert SetSum().plus(ids).digest != SetSum().plus([*ids, added]).digest


def test_the_digest_is_the_one_of_the_description():
    """Pinned: other sites compute the same."""
    assert SetSum().digest == "2c34ce1df23b838c5abf2a7f6437cca3"
    assert SetSum().plus(["ff" * 32, "00" * 31 + "02"]).digest == SetSum(1, 2).digest


def whole_of(names: Iterable[object]) -> SetSum:
    return SetSum().plus(accepted(name).entry_id for name in names)


def digests(service: DigestService, database: Database) -> SetDigests:
    with database.read() as session:
        log = Trees(session).find(PUBLIC)
        assert log is not None
        return service.digests(session, log)


def test_digests_cover_what_is_published_and_follow_it(database: Database) -> None:
    service = DigestService()
    publish(database)
    assert digests(service, database).whole == SetSum()
    take_in(database, *range(300))
    assert digests(service, database).whole == SetSum()
    publish(database)
    for asked in (service, DigestService()):
        found = digests(asked, database)
        assert found.whole == whole_of(range(300)) == sum_up(found.parts.values())
    take_in(database, 300)
    publish(database)
    assert digests(service, database).whole == whole_of(range(301))


def test_a_difference_is_found_part_by_part(database: Database) -> None:
    service = DigestService()
    take_in(database, *range(300))
    publish(database)
    wanted = sorted(accepted(n).entry_id for n in range(300))
    found = digests(service, database)
    with database.read() as session:
        log = Trees(session).find(PUBLIC)
        assert log is not None
        listed: list[str] = []
        for prefix, part in found.parts.items():
            below = service.part(session, log, prefix)
            assert below.whole == part
            for longer in below.parts:
                ids = service.entry_ids(session, log, longer, "")
                assert SetSum().plus(ids) == below.parts[longer]
                assert service.entry_ids(session, log, longer, ids[0]) == ids[1:]
                listed += ids
    assert listed == wanted
