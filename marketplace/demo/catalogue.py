"""What the demo catalogue holds: every state and shape an entry can have, at least once."""

from __future__ import annotations

from dataclasses import replace

from marketplace.demo.drafts import DemoEntry

_BIO_TOOL = """
<bio:tool xmlns:bio="http://bio.example.org/terms#" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
          xmlns:dcterms="http://purl.org/dc/terms/" xmlns:slterms="http://mp.stratuslab.eu/slterms#"
          rdf:parseType="Resource">
  <dcterms:identifier>{tool}</dcterms:identifier>
  <dcterms:description>{about}</dcterms:description>
  <slterms:version>{version}</slterms:version>
</bio:tool>
"""
_BLAST = _BIO_TOOL.format(tool="BLAST", about="Basic Local Alignment Search Tool", version="2.16.0")
_SAMTOOLS = _BIO_TOOL.format(tool="samtools", about="Reads and writes sequence alignments", version="1.21")
_NOTICE = """
<demo:notice xmlns:demo="http://demo.example.org/terms#" xml:lang="en">Restart after the first \
login.</demo:notice>
<demo:notice xmlns:demo="http://demo.example.org/terms#" xml:lang="fr">Redémarrer après la première \
connexion.</demo:notice>
"""
_MANUAL = """
<demo:manual xmlns:demo="http://demo.example.org/terms#" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
             rdf:parseType="Literal"><div xmlns="http://www.w3.org/1999/xhtml"><p>Log in as <b>root</b>
with your key.</p></div></demo:manual>
"""
_LINKS = """
<demo:homepage xmlns:demo="http://demo.example.org/terms#"
               xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
               rdf:resource="https://www.example.org/batch"/>
<demo:slots xmlns:demo="http://demo.example.org/terms#"
            xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
            rdf:datatype="http://www.w3.org/2001/XMLSchema#integer">64</demo:slots>
"""
_PDISK = ("pdisk:pdisk.cloud.example.org:8445:8f1c2d7e-4b5a-4f6d-9e3c-1a2b3c4d5e6f",)
_MIRRORS = (
    "http://images.example.org/debian-13.qcow2",
    "https://mirror.example.net/images/debian-13.qcow2",
    "ftp://ftp.example.org/pub/debian-13.qcow2",
)

_DEBIAN_13 = DemoEntry(
    "alice", "debian-13", "debian", "13", age=40, tags=("debian-stable", "latest"), locations=_MIRRORS
)
_UBUNTU_LTS = DemoEntry("alice", "ubuntu-24.04", "ubuntu", "24.04", publisher="Example Images")

#: One image over a year: the same content, extended twice, then endorsed without an end.
_TIMELINE = (
    replace(_UBUNTU_LTS, age=380, valid=-290, version="1.0"),
    replace(_UBUNTU_LTS, age=295, valid=-110, version="1.0", description="Extended by half a year."),
    replace(_UBUNTU_LTS, age=115, valid=-5, version="1.0", description="Extended again."),
    replace(_UBUNTU_LTS, age=6, valid=None, tags=("ubuntu-lts",), description="Now without an end."),
)

CATALOGUE = (
    _DEBIAN_13,
    # The same image, endorsed by a second person.
    replace(_DEBIAN_13, endorser="bob", age=20, tags=("grid-approved",), description="Checked for grid use."),
    *_TIMELINE,
    # An older image with the same tag: the tag names the newer one.
    DemoEntry("alice", "debian-12", "debian", "12", age=300, valid=60, tags=("debian-stable",)),
    DemoEntry("alice", "debian-11", "debian", "11", age=900, valid=-200),
    DemoEntry("alice", "debian-13-arm", "debian", "13", "aarch64", age=39, tags=("debian-arm",)),
    DemoEntry("alice", "alpine-3.22", "alpine", "3.22", age=25, format="raw", compression="gz"),
    DemoEntry("alice", "alpine-3.18", "alpine", "3.18", age=700, deprecated="Use alpine 3.22 instead."),
    DemoEntry("alice", "arch-rolling", "archlinux", "rolling", age=3, valid=30, extra=_NOTICE),
    DemoEntry("alice", "opensuse-15.6", "opensuse", "15.6", age=80, compression="xz"),
    DemoEntry("bob", "rocky-9", "rocky", "9.5", age=60, type="grid", tags=("worker",)),
    DemoEntry(
        "bob", "rocky-9-gpu", "rocky", "9.5", age=58, type="grid", title="Rocky 9 worker with GPU drivers"
    ),
    DemoEntry("bob", "rocky-8", "rocky", "8.10", age=400, type="grid", valid=-30, tags=("worker",)),
    DemoEntry(
        "bob", "centos-7", "centos", "7.9", age=1500, type="grid", deprecated="No more security updates."
    ),
    DemoEntry("bob", "scientific-6", "scientific", "6.10", "i686", age=2500, valid=-1800, type="grid"),
    DemoEntry("bob", "batch-server", "rocky", "9.5", age=15, title="Batch server", extra=_LINKS),
    DemoEntry(
        "bob", "scratch-disk", "none", "1", kind="disk", type="disk", format="raw", title="Empty scratch disk"
    ),
    DemoEntry("carol", "bio-blast", "ubuntu", "24.04", age=12, title="BLAST workstation", extra=_BLAST),
    DemoEntry("carol", "bio-align", "ubuntu", "22.04", age=200, valid=20, extra=_SAMTOOLS + _NOTICE),
    DemoEntry("carol", "bio-desk", "fedora", "43", age=9, extra=_BLAST + _SAMTOOLS, tags=("course",)),
    DemoEntry("carol", "bio-desk-old", "fedora", "40", age=500, valid=-120, tags=("course",)),
    DemoEntry("carol", "genome-refs", "none", "38", kind="disk", type="disk", title="Reference genomes"),
    DemoEntry(
        "carol", "bio-secret", "debian", "12", age=33, locations=_PDISK, title="BLAST with licensed databases"
    ),
    DemoEntry("carol", "r-studio", "debian", "13", age=18, extra=_MANUAL, title="R for statistics"),
    DemoEntry("dave", "web-stack", "debian", "13", age=45, title="Web server with database"),
    DemoEntry("dave", "container-host", "flatcar", "4152", age=7, valid=None, tags=("containers",)),
    DemoEntry(
        "dave", "site-login", "almalinux", "9.5", age=22, locations=_PDISK, title="Login node of one cloud"
    ),
    DemoEntry(
        "dave",
        "site-worker",
        "almalinux",
        "9.5",
        age=21,
        locations=("pdisk:pdisk.cloud.example.org:8445:0a1b2c3d-5e6f-4a7b-8c9d-112233445566", *_MIRRORS[:1]),
    ),
    DemoEntry("dave", "freebsd-14", "freebsd", "14.3", age=50, format="raw", compression="zst"),
    DemoEntry("dave", "win-eval", "windows", "2025", age=70, valid=10, format="vmdk", locations=()),
    DemoEntry("dave", "old-stack", "debian", "9", age=1300, deprecated=""),
    DemoEntry("erin", "root-6", "almalinux", "8.9", age=800, valid=400, title="ROOT 6 analysis"),
    DemoEntry("erin", "geant4", "centos", "7.9", age=1200, valid=-700, title="Geant4 simulation"),
    DemoEntry(
        "erin",
        "lhc-trigger",
        "scientific",
        "7.9",
        age=1000,
        deprecated="Superseded by root-6.",
        title="Trigger software ΔE/Δx",
    ),
)

#: What a newcomer signs first.
DRAFT = DemoEntry(
    "alice", "my-first-image", "debian", "13", title="My first image", tags=("first",), description="A try."
)
