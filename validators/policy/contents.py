"""Rules about the image itself: which one it is, how large, in what format and licence, and from where."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from validators.decision import Rule, RuleOutcome
from validators.policy.codes import Code
from validators.policy.evidence import Evidence
from validators.policy.patterns import Glob, checksum_keys, sha1_key
from validators.policy.values import Choice


def apply_images(evidence: Evidence) -> Rule | None:
    """The image is one that the policy allows."""
    images = evidence.policy.images
    if not images:
        return None
    if evidence.identifier in images.deny:
        change = "the operator removes the image from images.deny"
        return Rule("images", RuleOutcome.FAILED, "the policy denies this image", change, Code.IMAGE_DENIED)
    if images.allow and evidence.identifier not in images.allow:
        found = "the image is not on the policy's list images.allow"
        change = "the operator adds the image to images.allow"
        return Rule("images", RuleOutcome.FAILED, found, change, Code.IMAGE_NOT_LISTED)
    return Rule("images", RuleOutcome.PASSED, "the policy allows this image")


def apply_checksums(evidence: Evidence) -> Rule | None:
    """The checksums of the image are allowed by the policy."""
    checksums = evidence.policy.checksums
    if not checksums:
        return None
    own = sha1_key(evidence.identifier)
    claimed = {key for one in evidence.counted for key in checksum_keys(one.statement)} | {own}
    hit = min((one.text for one in checksums.deny if one.key in claimed), default=None)
    if hit is not None:
        change = "the operator removes the checksum from checksums.deny"
        found = f"the policy denies the checksum {hit}"
        return Rule("checksums", RuleOutcome.FAILED, found, change, Code.CHECKSUM_DENIED)
    proved = {key for one in evidence.allowing for key in checksum_keys(one.statement)} | {own}
    if checksums.allow and not any(one.key in proved for one in checksums.allow):
        found = "no checksum of the image is on the policy's list checksums.allow"
        change = "the operator adds one of the image's checksums to checksums.allow"
        return Rule("checksums", RuleOutcome.FAILED, found, change, Code.CHECKSUM_NOT_LISTED)
    return Rule("checksums", RuleOutcome.PASSED, "the policy allows the checksums of the image")


def apply_asked_checksum(evidence: Evidence) -> Rule | None:
    """Trusted endorsers state the checksum of the file that the question is about."""
    asked = evidence.checksum
    if asked is None:
        return None
    named = {key for one in evidence.allowing for key in checksum_keys(one.statement)} | {
        sha1_key(evidence.identifier)
    }
    if asked.key in named:
        found = f"{asked.text} is a checksum of the image in the entry of a trusted endorser"
        return Rule("checksum", RuleOutcome.PASSED, found)
    if not evidence.allowing:
        return Rule(
            "checksum",
            RuleOutcome.NOTED,
            f"no trusted endorser endorses the image, so nothing confirms {asked.text}",
        )
    found = f"no trusted endorser states {asked.text}: another file may have the same identifier"
    change = "a trusted endorser signs an entry with this checksum"
    return Rule("checksum", RuleOutcome.FAILED, found, change, Code.CHECKSUM_UNPROVED)


def apply_size(evidence: Evidence) -> Rule | None:
    """The image is not too large."""
    most = evidence.policy.most_size
    if most is None:
        return None
    sizes = [one.statement.size for one in evidence.counted]
    sizes += (
        [evidence.measured.size]
        if evidence.measured is not None and evidence.measured.size is not None
        else []
    )
    size = max(sizes, default=0)
    if size <= most:
        return Rule(
            "size.most", RuleOutcome.PASSED, f"the image has {size} bytes, at most {most} are allowed"
        )
    found = f"the image has {size} bytes, and the policy allows at most {most}"
    return Rule("size.most", RuleOutcome.FAILED, found, "the operator raises size.most", Code.TOO_LARGE)


def apply_virtual_size(evidence: Evidence) -> Rule | None:
    """The disk that a machine sees is not too large. Where nobody says, the bytes have to be looked at."""
    most = evidence.policy.most_virtual_size
    if most is None:
        return None
    sizes = [one.statement.virtual_size for one in evidence.counted]
    sizes += [evidence.measured.virtual_size] if evidence.measured is not None else []
    size = max((one for one in sizes if one is not None), default=None)
    if size is None:
        found = f"the size of the disk is not stated; the policy allows at most {most} bytes"
        return Rule("virtual_size.most", RuleOutcome.NOTED, found, "the site inspects the image file")
    if size <= most:
        found = f"the disk has {size} bytes, at most {most} are allowed"
        return Rule("virtual_size.most", RuleOutcome.PASSED, found)
    found = f"the disk has {size} bytes, and the policy allows at most {most}"
    change = "the operator raises virtual_size.most"
    return Rule("virtual_size.most", RuleOutcome.FAILED, found, change, Code.VIRTUAL_SIZE_TOO_LARGE)


def apply_formats(evidence: Evidence) -> Rule | None:
    """The format of the image is allowed by the policy."""
    measured = evidence.measured.format if evidence.measured is not None else None
    claimed = {one.statement.format for one in evidence.counted} | {measured}
    proved = {one.statement.format for one in evidence.allowing} | {measured}
    codes = (Code.FORMAT_DENIED, Code.FORMAT_NOT_LISTED)
    return _apply_texts("format", evidence.policy.formats, _texts(claimed), _texts(proved), codes)


def apply_licences(evidence: Evidence) -> Rule | None:
    """The licence of the image is allowed by the policy."""
    claimed = {text for one in evidence.counted for text in one.statement.licences}
    proved = {text for one in evidence.allowing for text in one.statement.licences}
    codes = (Code.LICENCE_DENIED, Code.LICENCE_NOT_LISTED)
    return _apply_texts("licence", evidence.policy.licences, claimed, proved, codes)


def apply_hosts(evidence: Evidence) -> Rule | None:
    """The image can be downloaded from a host that the policy allows."""
    hosts = evidence.policy.hosts
    if not hosts:
        return None
    found = {host_of(location) for one in evidence.allowing for location in one.statement.locations}
    allowed = {
        host for host in found if not _any(hosts.deny, host) and (not hosts.allow or _any(hosts.allow, host))
    }
    if allowed or (not found and not hosts.allow):
        named = ", ".join(sorted(allowed)) or "nowhere"
        return Rule("hosts", RuleOutcome.PASSED, f"the image can be downloaded from {named}")
    named = ", ".join(sorted(found)) or "nowhere"
    change = "the operator allows the host, or the endorser adds another location"
    message = f"the image can be downloaded from {named}, and the policy allows none of these hosts"
    return Rule("hosts", RuleOutcome.FAILED, message, change, Code.HOST_NOT_ALLOWED)


def host_of(location: str) -> str:
    """The host of a location, in lower case; its scheme and ``:`` where it has none."""
    try:
        parts = urlsplit(location)
        return parts.hostname or f"{parts.scheme}:"
    except ValueError:
        return location[:100]


def _apply_texts(
    what: str, choice: Choice[Glob], claimed: set[str], proved: set[str], codes: tuple[Code, Code]
) -> Rule | None:
    """A rule about words: nothing claimed is denied, everything claimed and something proved is allowed."""
    if not choice:
        return None
    named = ", ".join(sorted(claimed)) or "not said"
    denied = sorted(text for text in claimed if _any(choice.deny, text))
    if denied:
        change = f"the operator removes the {what} from {what}s.deny"
        found = f"the policy denies the {what} {', '.join(denied)}"
        return Rule(f"{what}s", RuleOutcome.FAILED, found, change, codes[0])
    if choice.allow and (not proved or not all(_any(choice.allow, text) for text in claimed)):
        wanted = ", ".join(sorted(one.text for one in choice.allow))
        change = f"the endorser states an allowed {what}, or the operator adds the {what} to {what}s.allow"
        found = f"the {what} is {named}, and the policy allows {wanted}"
        return Rule(f"{what}s", RuleOutcome.FAILED, found, change, codes[1])
    return Rule(f"{what}s", RuleOutcome.PASSED, f"the {what} is {named}")


def _any(globs: Iterable[Glob], text: str) -> bool:
    return any(glob.matches(text) for glob in globs)


def _texts(found: Iterable[str | None]) -> set[str]:
    return {text for text in found if text}
