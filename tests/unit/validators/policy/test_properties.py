"""What holds for every set of statements and every policy."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.factories.entries import hex_digest
from tests.unit.validators.policy.saying import ANCHOR, DAY, IMAGE, NOW, said, trusting
from validators.policy import Policy, RuleOutcome, Weight, judge, parse_policy
from validators.verdict import Standing

NAMES = ["alice", "bob", "carol", "mallory"]
FEW = {"max_size": 2, "unique": True}


@st.composite
def statements(draw):
    who = draw(st.sampled_from(NAMES))
    decision = trusting(
        draw(st.sampled_from(list(Standing))),
        bound=draw(st.booleans()),
        anchor=draw(st.sampled_from([ANCHOR, "CN=Other CA"])),
        fresh_until=draw(st.sampled_from([None, NOW - DAY, NOW + 2 * DAY])),
    )
    return said(
        who,
        days=draw(st.integers(0, 20)),
        sha256=draw(st.sampled_from(["a", "a", "a", "b", None])),
        key=draw(st.sampled_from([None, hex_digest("shared key")])),
        entry_id=hex_digest(draw(st.integers(0, 10**9))),
        decision=decision,
        valid=draw(st.sampled_from([None, NOW - DAY, NOW, NOW + DAY, NOW + 3 * DAY])),
        deprecated=draw(st.sampled_from([None, None, None, "", "bad"])),
        size=draw(st.sampled_from([10, 1000])),
        virtual_size=draw(st.sampled_from([None, 10, 1000])),
        format=draw(st.sampled_from([None, "raw", "qcow2"])),
        licences=draw(st.sampled_from([(), ("GPL",)])),
        tags=draw(st.sampled_from([(), ("stable",)])),
        locations=draw(st.sampled_from([(), ("https://a.example/x",), ("https://b.example/x",)])),
        groups=draw(st.sampled_from([frozenset(), frozenset({"bio"})])),
        equivocal=draw(st.sampled_from([False, False, False, True])),
        hidden=draw(st.sampled_from([None, None, None, "not shown"])),
    )


def sides(*texts):
    few = st.lists(st.sampled_from(texts), **FEW)
    return st.fixed_dictionaries({}, optional={"allow": few, "deny": few})


TABLES = st.fixed_dictionaries(
    {},
    optional={
        "endorsers": sides("*@example.org", "alice@example.org", "dn:CN=bob,O=Example"),
        "anchors": sides(ANCHOR, "CN=Other CA"),
        "images": sides(IMAGE, "A" * 27),
        "checksums": sides("sha256:" + "a" * 64, "sha256:" + "b" * 64),
        "tags": sides("*/stable", "alice@example.org/*"),
        "groups": sides("bio", "chem"),
        "formats": sides("raw", "qcow2"),
        "licences": sides("GPL", "MIT"),
        "hosts": sides("a.example", "b.example"),
        "checksum": st.fixed_dictionaries({"least": st.sampled_from(["any", "SHA-256"])}),
        "require": st.lists(
            st.fixed_dictionaries(
                {"least": st.integers(1, 2), "of": st.lists(st.just("*@example.org"), max_size=1)}
            ),
            max_size=2,
        ),
        "deprecation": st.sampled_from(["counted", "own"]),
        "age": st.just({"most": "10d"}),
        "valid": st.just({"required": True}),
        "size": st.just({"most": 100}),
        "virtual_size": st.just({"most": 100}),
    },
)
SETS = st.lists(statements(), max_size=5, unique_by=lambda one: one.entry_id)
DENIALS = ("endorsers", "anchors", "images", "checksums", "tags", "groups", "formats", "licences", "hosts")


def answer(verdict):
    """What a verdict says, without what is shown of single statements."""
    return verdict.allowed, verdict.rules, verdict.until, verdict.entry, verdict.checksums


def turned_round(policy: Policy) -> Policy:
    """The same policy with everything it lists in the other order."""
    turned = {
        name: replace(
            getattr(policy, name),
            **{side: getattr(getattr(policy, name), side)[::-1] for side in ("allow", "deny")},
        )
        for name in DENIALS
    }
    require = tuple(replace(one, of=one.of[::-1]) for one in reversed(policy.require))
    return replace(policy, require=require, **turned)


@given(SETS, TABLES, st.randoms(use_true_random=False))
def test_the_order_of_statements_and_of_rules_never_matters(said_, table, random):
    policy = parse_policy(table)
    verdict = judge(IMAGE, said_, policy, NOW)
    shuffled = [*said_, *said_[:1]]
    random.shuffle(shuffled)
    assert judge(IMAGE, shuffled, turned_round(policy), NOW) == verdict


@given(SETS, statements(), TABLES)
def test_a_statement_that_does_not_count_never_changes_an_answer(said_, another, table):
    assume(another.entry_id not in {one.entry_id for one in said_})
    policy = parse_policy(table)
    before, after = judge(IMAGE, said_, policy, NOW), judge(IMAGE, [*said_, another], policy, NOW)
    weights = {one.statement.entry_id: one.weight for one in after.statements}
    if weights[another.entry_id] is Weight.NONE:
        assert (after.allowed, after.until, after.checksums) == (
            before.allowed,
            before.until,
            before.checksums,
        )
        if any(weight is not Weight.NONE for weight in weights.values()):
            assert answer(after) == answer(before)


@given(SETS, TABLES, st.sampled_from(DENIALS), st.data())
def test_one_more_denial_never_allows(said_, table, what, data):
    denied = data.draw(sides(*_examples(what)).map(lambda one: one.get("deny", [])))
    more = {**table, what: {**table.get(what, {}), "deny": [*table.get(what, {}).get("deny", []), *denied]}}
    before, after = parse_policy(table), parse_policy(more)
    if judge(IMAGE, said_, after, NOW).allowed:
        assert judge(IMAGE, said_, before, NOW).allowed


@given(SETS, TABLES)
def test_until_is_when_the_clock_alone_changes_the_answer(said_, table):
    policy = parse_policy(table)
    verdict = judge(IMAGE, said_, policy, NOW)
    moments = sorted({NOW + days * DAY for days in range(40)} | ({verdict.until} if verdict.until else set()))
    for moment in moments:
        changed = judge(IMAGE, said_, policy, moment).allowed is not verdict.allowed
        if verdict.until is None or moment < verdict.until:
            assert not changed
        elif moment == verdict.until:
            assert changed


@given(SETS, TABLES)
def test_an_answer_is_whole(said_, table):
    verdict = judge(IMAGE, said_, parse_policy(table), NOW)
    failed = [one for one in verdict.rules if one.outcome is RuleOutcome.FAILED]
    assert verdict.allowed is not bool(failed)
    assert [one.message for one in verdict.reasons] == [one.found for one in failed]
    assert all(one.code and one.found and one.change for one in failed)
    assert (verdict.entry is None) is (not said_)
    assert verdict.sentence
    if verdict.allowed:
        assert any(one.weight is Weight.ALLOWS for one in verdict.statements)
        assert not any(
            one.weight is not Weight.NONE and one.statement.deprecated is not None
            for one in verdict.statements
            if table.get("deprecation") != "own"
        )


def _examples(what: str) -> tuple[str, ...]:
    return {
        "endorsers": ("*@example.org", "alice@example.org"),
        "anchors": (ANCHOR, "CN=Other CA"),
        "images": (IMAGE, "A" * 27),
        "checksums": ("sha256:" + "a" * 64, "sha256:" + "b" * 64),
        "tags": ("*/stable", "alice@example.org/*"),
        "groups": ("bio", "chem"),
        "formats": ("raw", "qcow2"),
        "licences": ("GPL", "MIT"),
        "hosts": ("a.example", "b.example"),
    }[what]
