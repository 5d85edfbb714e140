"""May this image be started? One pure judgement, for the server, the command line and cloud sites.

    statements + policy + time -> verdict

**What goes in.** ``statement_of(entry, decision)`` makes a ``Statement`` of an accepted entry and a
site's ``validators.decision`` about it. ``judge`` takes the *current* statements about one image,
of all endorsers, in any order. ``MARKETPLACE`` is the policy of a marketplace that sets no other;
``parse_policy(table)`` reads the ``[policy]`` table of a cloud site, ``parse_policy_file(bytes)`` a
TOML file that holds one; both raise ``PolicyError`` with every fault. ::

    policy = parse_policy({"endorsers": {"allow": ["*@images.example.org"]}})
    said = [statement_of(entry, decide(entry, material, now)) for entry in current_entries]
    verdict = judge(identifier, said, policy, now)
    verdict.allowed, verdict.sentence, verdict.reasons, verdict.until, verdict.entry

**What comes out.** A ``Verdict``: whether the image is ``allowed``; every rule that was applied with
its outcome, what was found and what would change it; the ``reasons`` (the rules that failed, each
with a stable ``code``); ``until``, the first moment at which the clock alone makes the answer
another one; the ``entry`` that decided; ``checksums``, what the bytes must be; and ``statements``,
what became of each statement.

**How statements are weighed.** Each statement has one of three weights.

- ``NONE``: the site does not trust it, or its endorser or anchor is not on a list of allowed ones. It is
  shown and changes nothing: neither its yes nor its no counts, else anybody could stop any image.
- ``OBJECTS``: its endorser counts here, and this statement does not say yes: it deprecates, has expired,
  is denied, has weak checksums only, is too old. Its yes does not count, but its deprecation, its
  checksums and its claims (size, format, licence) do. So a rule that denies somebody can never
  allow an image.
- ``ALLOWS``: it counts, and it says yes.

An image is allowed where enough statements say yes (``require``; else one), none that counts
deprecates it, those that count agree on the checksums, and no rule about the image fails.

**Codes of reasons** (``Code``) are stable: programs may compare them. The codes of a single statement
appear as reasons of the image where nothing better says yes.

Pure: no clock, no input or output, no settings. The order of statements, and of what a policy lists,
never matters.
"""

from __future__ import annotations

from validators.decision import Rule, RuleOutcome
from validators.policy.codes import Code
from validators.policy.judge import judge
from validators.policy.patterns import ChecksumPattern, EndorserPattern, Glob, NamePattern, TagPattern
from validators.policy.reading import PolicyError, PolicyFault, parse_policy, parse_policy_file
from validators.policy.statements import Statement, statement_of
from validators.policy.values import (
    MARKETPLACE,
    Choice,
    Deprecation,
    LocalWord,
    Measured,
    Policy,
    Requirement,
)
from validators.policy.verdict import Asked, Reason, Verdict
from validators.policy.weighing import Weighed, Weight
from validators.status import Status

__all__ = [
    "MARKETPLACE",
    "Asked",
    "ChecksumPattern",
    "Choice",
    "Code",
    "Deprecation",
    "EndorserPattern",
    "Glob",
    "LocalWord",
    "Measured",
    "NamePattern",
    "Policy",
    "PolicyError",
    "PolicyFault",
    "Reason",
    "Requirement",
    "Rule",
    "RuleOutcome",
    "Statement",
    "Status",
    "TagPattern",
    "Verdict",
    "Weighed",
    "Weight",
    "judge",
    "parse_policy",
    "parse_policy_file",
    "statement_of",
]
