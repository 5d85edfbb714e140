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
#: Where one image lies besides: CONTENT stands for the content server of the demo.
_MIRRORS = (
    "CONTENT/debian-13.qcow2",
    "CONTENT/mirror/debian-13.qcow2",
    "ftp://ftp.example.org/pub/debian-13.qcow2",
)

_DEBIAN_13 = DemoEntry(
    "alice", "debian-13", "debian", "13", age=40, tags=("debian-stable", "latest"), locations=_MIRRORS,
    title="Debian 13 server",
    description="Minimal Debian 13 for any cloud: cloud-init, SSH with keys only, security updates every "
    "night. Log in as debian.",
)  # fmt: skip
_UBUNTU_LTS = DemoEntry(
    "alice", "ubuntu-24.04", "ubuntu", "24.04", publisher="Example Images", title="Ubuntu 24.04 LTS server",
    description="Ubuntu Server with cloud-init, rebuilt every month. Log in as ubuntu with your SSH key.",
)  # fmt: skip
_ALPINE = DemoEntry(
    "alice", "alpine-3.22", "alpine", "3.22", age=25, format="raw", compression="gz", title="Alpine 3.22",
    description="The smallest system here, for services of one process: musl, OpenRC and cloud-init in "
    "less than 200 MB. Log in as alpine.",
)  # fmt: skip
_ROOT_6 = DemoEntry(
    "erin", "root-6", "almalinux", "8.9", age=800, valid=400, title="ROOT 6 analysis",
    description="ROOT 6 with Python bindings and JupyterLab, for analyses of the physics course.",
)  # fmt: skip

#: One image over a year: the same content, extended twice, then endorsed without an end.
_TIMELINE = (
    replace(_UBUNTU_LTS, age=380, valid=-290, version="1.0"),
    replace(_UBUNTU_LTS, age=295, valid=-110, version="1.0"),
    replace(_UBUNTU_LTS, age=115, valid=-5, version="1.0"),
    replace(
        _UBUNTU_LTS, age=6, valid=None, tags=("ubuntu-lts",),
        description="Ubuntu Server with cloud-init, supported until its vendor ends it. Log in as ubuntu "
        "with your SSH key.",
    ),
)  # fmt: skip

CATALOGUE = (
    _DEBIAN_13,
    # The same image, endorsed by a second person.
    replace(
        _DEBIAN_13, endorser="bob", age=20, tags=("grid-approved",),
        description="The Debian 13 of Alice Archer, looked at and approved for worker nodes of the grid.",
    ),
    *_TIMELINE,
    # An older image with the same tag: the tag names the newer one.
    DemoEntry(
        "alice", "debian-12", "debian", "12", age=300, valid=60, tags=("debian-stable",),
        title="Debian 12 server",
        description="Debian 12 with cloud-init, for those who have not moved to Debian 13 yet. "
        "Log in as debian.",
    ),
    DemoEntry(
        "alice", "debian-11", "debian", "11", age=900, valid=-200, title="Debian 11 server",
        description="Debian 11 with cloud-init. Log in as debian.",
    ),
    DemoEntry(
        "alice", "debian-13-arm", "debian", "13", "aarch64", age=39, tags=("debian-arm",),
        title="Debian 13 server for ARM",
        description="The same packages as the x86_64 image, for ARM servers that start by UEFI. "
        "Log in as debian.",
    ),
    _ALPINE,
    DemoEntry(
        "alice", "alpine-3.18", "alpine", "3.18", age=700, deprecated="No more security updates.",
        title="Alpine 3.18", description="Alpine with cloud-init. Log in as alpine.",
        replaced_by=_ALPINE,
    ),
    DemoEntry(
        "alice", "arch-rolling", "archlinux", "rolling", age=3, valid=30, extra=_NOTICE,
        title="Arch Linux of this week",
        description="A snapshot that is built each Monday and is good for a month. Log in as arch.",
    ),
    DemoEntry(
        "alice", "arch-last-week", "archlinux", "rolling", age=2, title="Arch Linux of last week",
        deprecated="The build left its own SSH host keys in the image: every machine started from it has "
        "the same ones.",
        description="A snapshot that is built each Monday and is good for a month. Log in as arch.",
    ),
    DemoEntry(
        "alice", "opensuse-15.6", "opensuse", "15.6", age=80, compression="xz", title="openSUSE Leap 15.6",
        description="Leap with cloud-init, AppArmor switched on and YaST left out. Log in as opensuse.",
    ),
    DemoEntry(
        "bob", "rocky-9", "rocky", "9.5", age=60, type="grid", tags=("worker",),
        title="Rocky 9 worker node",
        description="Worker node of the grid: CVMFS, Apptainer and HTCondor, joined by contextualization.",
    ),
    DemoEntry(
        "bob", "rocky-9-gpu", "rocky", "9.5", age=58, type="grid", title="Rocky 9 worker with GPU drivers",
        description="The worker node with CUDA 12 and its drivers, for machines with a passed-through GPU.",
    ),
    DemoEntry(
        "bob", "rocky-8", "rocky", "8.10", age=400, type="grid", valid=-30, tags=("worker",),
        title="Rocky 8 worker node",
        description="Worker node of the grid: CVMFS and HTCondor.",
    ),
    DemoEntry(
        "bob", "centos-7", "centos", "7.9", age=1500, type="grid", title="CentOS 7 worker node",
        deprecated="No more security updates.", description="Worker node of the grid before Rocky.",
    ),
    DemoEntry(
        "bob", "scientific-6", "scientific", "6.10", "i686", age=2500, valid=-1800, type="grid",
        title="Scientific Linux 6 worker node",
        description="Worker node of 32 bits, for experiments whose software was never ported.",
    ),
    DemoEntry(
        "bob", "batch-server", "rocky", "9.5", age=15, title="Batch server", extra=_LINKS,
        description="HTCondor scheduler for up to 64 worker nodes. Opens port 9618.",
    ),
    DemoEntry(
        "bob", "scratch-disk", "none", "1", kind="disk", type="disk", format="raw",
        title="Empty scratch disk",
        description="An empty disk to attach as a second one; format it after the first start.",
    ),
    DemoEntry(
        "carol", "bio-blast", "ubuntu", "24.04", age=12, title="BLAST workstation", extra=_BLAST,
        description="NCBI BLAST+ 2.16 on Ubuntu 24.04, with scripts that fetch the databases to a second "
        "disk. Log in as ubuntu.",
    ),
    DemoEntry(
        "carol", "bio-align", "ubuntu", "22.04", age=200, valid=20, extra=_SAMTOOLS + _NOTICE,
        title="Alignment tools", description="samtools 1.21, bwa and minimap2 on Ubuntu 22.04.",
    ),
    DemoEntry(
        "carol", "bio-desk", "fedora", "43", age=9, extra=_BLAST + _SAMTOOLS, tags=("course",),
        title="Desktop of the sequencing course",
        description="Fedora with a desktop over RDP, BLAST, samtools and the data of the exercises. "
        "Log in as student.",
    ),
    DemoEntry(
        "carol", "bio-desk-old", "fedora", "40", age=500, valid=-120, tags=("course",),
        title="Desktop of the sequencing course, last year",
        description="Fedora with a desktop over RDP, BLAST and samtools.",
    ),
    DemoEntry(
        "carol", "genome-refs", "none", "38", kind="disk", type="disk", title="Reference genomes",
        description="Human genome GRCh38 and its indexes for bwa, as a disk to attach read-only.",
    ),
    DemoEntry(
        "carol", "bio-secret", "debian", "12", age=33, locations=_PDISK,
        title="BLAST with licensed databases",
        description="For members of the institute: the licence forbids to give the databases away.",
    ),
    DemoEntry(
        "carol", "r-studio", "debian", "13", age=18, extra=_MANUAL, title="R for statistics",
        description="R 4.5 and RStudio Server on Debian 13. Opens port 8787 behind a password.",
    ),
    DemoEntry(
        "dave", "web-stack", "debian", "13", age=45, title="Web server with database",
        description="nginx, PostgreSQL 17 and certbot on Debian 13. Opens ports 80 and 443.",
        # A mirror that went away.
        locations=("CONTENT/web-stack.qcow2", "CONTENT/gone/web-stack.qcow2"),
    ),
    DemoEntry(
        "dave", "container-host", "flatcar", "4152", age=7, valid=None, tags=("containers",),
        title="Container host", description="Flatcar with Docker and a read-only system that updates itself.",
    ),
    DemoEntry(
        "dave", "site-login", "almalinux", "9.5", age=22, locations=_PDISK, title="Login node of one cloud",
        description="The login node of the example cloud; its content lies in the cloud's own store.",
    ),
    DemoEntry(
        "dave", "site-worker", "almalinux", "9.5", age=21, title="Worker node of one cloud",
        description="The worker node of the example cloud, in its own store and outside of it.",
        locations=(
            "pdisk:pdisk.cloud.example.org:8445:0a1b2c3d-5e6f-4a7b-8c9d-112233445566",
            "CONTENT/site-worker.qcow2",
        ),
    ),
    DemoEntry(
        "dave", "freebsd-14", "freebsd", "14.3", age=50, format="raw", compression="zst",
        title="FreeBSD 14.3", description="FreeBSD on ZFS with nuageinit. Log in as freebsd.",
    ),
    DemoEntry(
        "dave", "win-eval", "windows", "2025", age=70, valid=10, format="vmdk", locations=(),
        title="Windows Server 2025 evaluation",
        description="Runs for 180 days from its first start. Ask the vendor for the download.",
    ),
    DemoEntry(
        "dave", "old-stack", "debian", "9", age=1300, deprecated="", title="Web server with database, old",
        description="Apache and MariaDB on Debian 9.",
    ),
    _ROOT_6,
    DemoEntry(
        "erin", "geant4", "centos", "7.9", age=1200, valid=-700, title="Geant4 simulation",
        description="Geant4 10 with its data sets, for batch simulation.",
    ),
    DemoEntry(
        "erin", "lhc-trigger", "scientific", "7.9", age=1000, deprecated="Use ROOT 6 analysis instead.",
        title="Trigger software ΔE/Δx", replaced_by=_ROOT_6,
        description="Energy loss in the trigger, as it was in run 2.",
    ),
)  # fmt: skip

#: What a newcomer signs first.
DRAFT = DemoEntry(
    "alice", "my-first-image", "debian", "13", title="My first image", tags=("first",), description="A try."
)
