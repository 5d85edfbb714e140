"""Loading and reloading: what is in force, what is named, and that a fault never adds trust."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12

from marketplace.trust.watch import TrustWatch
from marketplace.trust_files import TrustStore
from marketplace.trust_files.loading import Sources
from tests.factories.identities import make_ca, make_identity
from tests.unit.trust.authorities import DAY, NOW, crl_bytes, der, judged, root
from tests.waiting import HANGING
from validators.material import TrustPolicy
from validators.verdict import Standing

ROOT = root()
OTHER = root("Other Root")
JIM = make_identity("Jim", "jim@example.org", issuer=ROOT)
RITA = make_identity("Rita", "rita@example.org", issuer=ROOT)


def store(*, anchors=(), lists=(), **more) -> TrustStore:
    sources = Sources(tuple(map(str, anchors)), lists=tuple(map(str, lists)), **more)
    return TrustStore(sources, TrustPolicy(), now=lambda: NOW)


def standing(opened: TrustStore, identity=JIM) -> Standing:
    return judged(identity, opened.material, beside=[]).standing


def codes(opened: TrustStore) -> list[str]:
    return [fault.code for fault in opened.faults]


@pytest.fixture
def bundle(tmp_path) -> Path:
    path = tmp_path / "bundle.pem"
    path.write_bytes(b"# ours\n" + OTHER.certificate_pem + b"and\n" + ROOT.certificate_pem)
    return path


@pytest.fixture
def crl(tmp_path) -> Path:
    path = tmp_path / "root.crl"
    path.write_bytes(crl_bytes(ROOT, RITA))
    return path


def pem_crl(data: bytes) -> bytes:
    return x509.load_der_x509_crl(data).public_bytes(Encoding.PEM)


def test_a_bundle_and_a_list(bundle, crl):
    opened = store(anchors=[bundle], lists=[crl])
    assert (standing(opened), standing(opened, RITA), opened.faults) == (
        Standing.CHAINED,
        Standing.REVOKED,
        (),
    )
    assert opened.reload() is False


def test_a_directory_as_openssl_and_igtf_keep_it(tmp_path):
    (tmp_path / "root.pem").write_bytes(ROOT.certificate_pem)
    (tmp_path / "0f1e2d3c.0").symlink_to("root.pem")
    (tmp_path / "11223344.0").write_bytes(OTHER.certificate_pem)
    (tmp_path / "0f1e2d3c.r0").write_bytes(pem_crl(crl_bytes(ROOT, RITA)))
    (tmp_path / "root.info").write_text("alias = root")
    opened = store(anchors=[tmp_path])
    assert (len(opened.material.anchors), codes(opened)) == (2, [])
    assert standing(opened, RITA) is Standing.REVOKED


@pytest.mark.parametrize("password", [None, b"secret"])
def test_pkcs12(tmp_path, password):
    path, file = tmp_path / "anchors.p12", tmp_path / "password"
    certificates = [pkcs12.PKCS12Certificate(ROOT.certificate, b"root")]
    encryption = BestAvailableEncryption(b"secret")
    path.write_bytes(pkcs12.serialize_java_truststore(certificates, encryption))
    file.write_bytes((password or b"wrong") + b"\n")
    opened = store(anchors=[path], password_file=file)
    assert standing(opened) is (Standing.CHAINED if password else Standing.UNTRUSTED_ISSUER)
    assert codes(opened) == ([] if password else ["trust.anchor-unreadable"])


def test_der_and_patterns(tmp_path):
    (tmp_path / "a.der").write_bytes(der(ROOT))
    (tmp_path / "x.list").write_bytes(crl_bytes(ROOT, RITA))
    opened = store(anchors=[tmp_path / "*.der"], lists=[tmp_path / "*.list"])
    assert (standing(opened), standing(opened, RITA)) == (Standing.CHAINED, Standing.REVOKED)


@pytest.mark.parametrize("junk", [b"", b"-----BEGIN CERTIFICATE-----\nxx", b"0\x03abc", b"nothing"])
def test_unreadable_anchors_keep_the_old_ones(bundle, junk):
    good = bundle.read_bytes()
    opened = store(anchors=[bundle])
    bundle.write_bytes(good + junk if junk.startswith(b"-") else junk)
    assert opened.reload() is False
    assert (standing(opened), codes(opened)) == (Standing.CHAINED, ["trust.anchor-unreadable"])
    bundle.write_bytes(good)
    opened.reload()
    assert codes(opened) == []


def test_anchors_that_are_not_there_at_start_are_named_and_trusted_by_nobody(tmp_path):
    opened = store(anchors=[tmp_path / "absent.pem"])
    assert (standing(opened), codes(opened)) == (Standing.UNTRUSTED_ISSUER, ["trust.source"])


def test_a_source_that_vanishes_keeps_what_it_held(bundle, crl):
    opened = store(anchors=[bundle], lists=[crl])
    bundle.unlink()
    crl.unlink()
    assert opened.reload() is False
    assert standing(opened, RITA) is Standing.REVOKED
    assert {"trust.source"} <= set(codes(opened))
    assert opened.reload() is False
    assert standing(opened, RITA) is Standing.REVOKED


def test_an_anchor_taken_out_no_longer_counts(bundle):
    opened = store(anchors=[bundle])
    bundle.write_bytes(OTHER.certificate_pem)
    assert opened.reload() is True
    assert standing(opened) is Standing.UNTRUSTED_ISSUER


def test_an_expired_anchor_is_named(tmp_path):
    old = make_identity("Old Root", None, ca=True, key_usage=None, not_after=NOW - DAY)
    path = tmp_path / "old.pem"
    path.write_bytes(old.certificate_pem)
    assert codes(store(anchors=[path])) == ["trust.anchor-expired"]


BAD_LISTS = {
    "unreadable": (b"nothing", "trust.crl-unreadable"),
    "cut off": (pem_crl(crl_bytes(ROOT))[:-40], "trust.crl-unreadable"),
    "signed by another": (crl_bytes(ROOT, key=OTHER.key), "trust.crl-unsigned"),
}


@pytest.mark.parametrize("kind", BAD_LISTS)
def test_a_bad_list_leaves_the_old_one_in_force(bundle, crl, kind):
    data, code = BAD_LISTS[kind]
    opened = store(anchors=[bundle], lists=[crl])
    crl.write_bytes(data)
    assert opened.reload() is False
    assert (standing(opened, RITA), standing(opened), codes(opened)) == (
        Standing.REVOKED,
        Standing.CHAINED,
        [code],
    )


@pytest.mark.parametrize("kind", BAD_LISTS)
def test_a_bad_list_at_start_leaves_nobody_innocent(bundle, crl, kind):
    data, code = BAD_LISTS[kind]
    crl.write_bytes(data)
    opened = store(anchors=[bundle], lists=[crl])
    assert (standing(opened), codes(opened)) == (Standing.REVOCATION_UNKNOWN, [code])
    opened.reload()
    assert standing(opened) is Standing.REVOCATION_UNKNOWN
    crl.write_bytes(crl_bytes(ROOT))
    assert opened.reload() is True
    assert standing(opened) is Standing.CHAINED


def test_lists_that_are_not_there_at_start_leave_nobody_innocent(bundle, tmp_path):
    opened = store(anchors=[bundle], lists=[tmp_path / "absent" / "*.r0"])
    assert (standing(opened), codes(opened)) == (Standing.REVOCATION_UNKNOWN, ["trust.source"])


def test_an_older_list_does_not_take_a_revocation_back(bundle, crl):
    opened = store(anchors=[bundle], lists=[crl])
    crl.write_bytes(crl_bytes(ROOT, this_update=NOW - 9 * DAY))
    assert opened.reload() is False
    assert (standing(opened, RITA), codes(opened)) == (Standing.REVOKED, ["trust.crl-older"])


def test_a_newer_list_is_taken(bundle, crl):
    opened = store(anchors=[bundle], lists=[crl])
    crl.write_bytes(crl_bytes(ROOT, JIM, this_update=NOW))
    assert opened.reload() is True
    assert (standing(opened), standing(opened, RITA)) == (Standing.REVOKED, Standing.CHAINED)


def test_a_list_that_is_gone_from_a_directory_still_counts(tmp_path, bundle):
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "a.r0").write_bytes(crl_bytes(ROOT, RITA))
    (folder / "b.r0").write_bytes(crl_bytes(OTHER))
    opened = store(anchors=[bundle], lists=[folder])
    (folder / "a.r0").unlink()
    for _ in range(2):
        opened.reload()
        assert (standing(opened, RITA), codes(opened)) == (Standing.REVOKED, ["trust.crl-gone"])


def test_a_list_of_another_authority_in_its_place_does_not_take_a_revocation_back(bundle, crl):
    opened = store(anchors=[bundle], lists=[crl])
    crl.write_bytes(crl_bytes(root("Stranger"), this_update=NOW))
    for _ in range(2):
        opened.reload()
        assert standing(opened, RITA) is Standing.REVOKED
        assert sorted(codes(opened)) == ["trust.crl-foreign", "trust.crl-gone"]
    crl.write_bytes(crl_bytes(ROOT, JIM, this_update=NOW))
    opened.reload()
    assert (standing(opened, RITA), standing(opened)) == (Standing.CHAINED, Standing.REVOKED)
    # What is missed now is the stranger's.
    assert [str(fault) for fault in opened.faults if "Stranger" in str(fault)]


def test_an_authority_that_drops_out_of_a_file_of_several_still_speaks(bundle, crl):
    crl.write_bytes(pem_crl(crl_bytes(OTHER)) + pem_crl(crl_bytes(ROOT, RITA)))
    opened = store(anchors=[bundle], lists=[crl])
    crl.write_bytes(crl_bytes(OTHER, this_update=NOW))
    opened.reload()
    assert (standing(opened, RITA), codes(opened)) == (Standing.REVOKED, ["trust.crl-gone"])
    assert "Demo" in str(opened.faults[0])


def test_a_list_of_another_key_of_the_authority_does_not_stand_for_the_one_it_overwrites(bundle, crl):
    def of_key(name: bytes) -> list[tuple[x509.AuthorityKeyIdentifier, bool]]:
        return [(x509.AuthorityKeyIdentifier(name, None, None), False)]

    crl.write_bytes(crl_bytes(ROOT, RITA, extensions=of_key(b"old")))
    opened = store(anchors=[bundle], lists=[crl])
    crl.write_bytes(crl_bytes(ROOT, this_update=NOW, extensions=of_key(b"new")))
    opened.reload()
    assert (standing(opened, RITA), codes(opened)) == (Standing.REVOKED, ["trust.crl-gone"])


def test_a_list_of_the_same_second_with_a_lower_number_is_older(bundle, crl):
    crl.write_bytes(crl_bytes(ROOT, RITA, extensions=[(x509.CRLNumber(2), False)]))
    opened = store(anchors=[bundle], lists=[crl])
    crl.write_bytes(crl_bytes(ROOT, extensions=[(x509.CRLNumber(1), False)]))
    opened.reload()
    assert (standing(opened, RITA), codes(opened)) == (Standing.REVOKED, ["trust.crl-older"])


def test_a_list_of_changes_in_its_place_is_named_and_replaces_nothing(bundle, crl):
    opened = store(anchors=[bundle], lists=[crl])
    assert (standing(opened), standing(opened, RITA)) == (Standing.CHAINED, Standing.REVOKED)
    crl.write_bytes(crl_bytes(ROOT, this_update=NOW, extensions=[(x509.DeltaCRLIndicator(1), True)]))
    opened.reload()
    assert sorted(codes(opened)) == ["trust.crl-gone", "trust.crl-odd"]
    assert (standing(opened), standing(opened, RITA)) == (Standing.REVOCATION_UNKNOWN, Standing.REVOKED)


def test_the_list_of_a_namesake_with_another_key_does_not_stand_for_the_one_it_overwrites(tmp_path, crl):
    again = make_identity("Trust Root", None, ca=True, key_usage=None, variant=6)
    for name, authority in (("root.pem", ROOT), ("again.pem", again)):
        (tmp_path / name).write_bytes(authority.certificate_pem)
    opened = store(anchors=[tmp_path / "root.pem", tmp_path / "again.pem"], lists=[crl])
    assert standing(opened, RITA) is Standing.REVOKED
    crl.write_bytes(crl_bytes(again, this_update=NOW))
    opened.reload()
    assert (standing(opened, RITA), codes(opened)) == (Standing.REVOKED, ["trust.crl-gone"])


def test_stale_and_foreign_lists_are_named(bundle, tmp_path):
    (tmp_path / "stale.r0").write_bytes(crl_bytes(ROOT, this_update=NOW - 9 * DAY, next_update=NOW - DAY))
    (tmp_path / "foreign.r0").write_bytes(crl_bytes(root("Stranger")))
    opened = store(anchors=[bundle], lists=[tmp_path])
    assert sorted(codes(opened)) == ["trust.crl-foreign", "trust.crl-stale"]


def test_an_authority_without_the_right_to_sign_lists_is_named_as_that(tmp_path):
    unable = make_ca("Unable")
    (tmp_path / "unable.pem").write_bytes(unable.certificate_pem)
    (tmp_path / "unable.r0").write_bytes(crl_bytes(unable))
    (fault,) = store(anchors=[tmp_path]).faults
    assert fault.code == "trust.crl-unsigned" and "no right to sign revocation lists" in str(fault)


def test_the_allow_list_and_its_faults(tmp_path):
    path = tmp_path / "allowed"
    path.write_text("CN=Jim, O=Demo Project, C=EU\n")
    opened = store(allowed=path)
    good = opened.material.allowed
    assert (len(good.names), good.size) == (2, 1)
    path.write_text("nonsense\n")
    assert opened.reload() is False
    assert (opened.material.allowed, codes(opened)) == (good, ["trust.allowlist"])


def test_faults_tell_no_directories(tmp_path):
    opened = store(anchors=[tmp_path / "absent.pem"])
    assert str(tmp_path) not in str(opened.faults)


def test_the_watch_reloads_and_ends(bundle):
    opened = store(anchors=[bundle])
    reloaded = threading.Event()
    original = opened.reload

    def reload() -> bool:
        changed = original()
        reloaded.set()
        return changed

    opened.reload = reload
    watch = TrustWatch(opened, 0.01)
    watch.start()
    assert reloaded.wait(HANGING)
    watch.stop()
    watch.stop()


def test_what_another_process_judged_by_is_a_reason_to_look_at_once_and_one_time(bundle):
    opened = store(anchors=[bundle])
    looks, asked = [], threading.Semaphore(0)

    def find_other() -> str:
        asked.release()
        return "newer files"

    watch = TrustWatch(opened, 3600, lambda: looks.append(1), find_other, listen=0.001)
    watch.start()
    for _ in range(5):
        assert asked.acquire(timeout=HANGING)
    watch.stop()
    assert len(looks) == 2  # at the start, and when it heard


def test_the_truststore_of_the_original_tests(every_originals, tmp_path):
    keys, password = every_originals / "keys", tmp_path / "password"
    password.write_text("XYZXYZ\n")
    opened = store(anchors=[keys / "truststore.p12"], lists=[keys / "ca-crl.pem"], password_file=password)
    assert len(opened.material.anchors) == 1
    assert not [code for code in codes(opened) if code not in ("trust.anchor-expired", "trust.crl-stale")]


def test_a_java_truststore_among_the_anchors_says_what_to_do(every_originals):
    (fault,) = store(anchors=[every_originals / "keys" / "truststore.jks"]).faults
    assert fault.code == "trust.anchor-unreadable" and "import-jks" in fault.message
