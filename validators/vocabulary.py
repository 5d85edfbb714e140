"""The names of the format: namespaces, the known elements, and how to show a name to people."""

from __future__ import annotations

from typing import Final

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DCTERMS: Final = "http://purl.org/dc/terms/"
SLREQ: Final = "http://mp.stratuslab.eu/slreq#"
SLTERMS: Final = "http://mp.stratuslab.eu/slterms#"
DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
DSIG11: Final = "http://www.w3.org/2009/xmldsig11#"
XML: Final = "http://www.w3.org/XML/1998/namespace"

#: What the root's xml:base is, in every entry; rdf:about is relative to it.
BASE: Final = "http://mp.stratuslab.eu/"

#: Namespaces of the format, with the prefixes that people know.
PREFIXES: Final = {
    RDF: "rdf",
    DCTERMS: "dcterms",
    SLREQ: "slreq",
    SLTERMS: "slterms",
    DSIG: "ds",
    DSIG11: "dsig11",
    XML: "xml",
}


def rdf(local: str) -> str:
    """Clark name in the RDF namespace."""
    return f"{{{RDF}}}{local}"


def dcterms(local: str) -> str:
    """Clark name in the Dublin Core terms namespace."""
    return f"{{{DCTERMS}}}{local}"


def slreq(local: str) -> str:
    """Clark name in the namespace of the required elements."""
    return f"{{{SLREQ}}}{local}"


def slterms(local: str) -> str:
    """Clark name in the namespace of the optional elements."""
    return f"{{{SLTERMS}}}{local}"


def ds(local: str) -> str:
    """Clark name in the XML signature namespace."""
    return f"{{{DSIG}}}{local}"


def namespace_of(name: str) -> str:
    """The namespace of a Clark name; empty where it has none."""
    return name[1:].rpartition("}")[0] if name.startswith("{") else ""


def prefixed(name: str) -> str:
    """A Clark name as people write it, ``dcterms:title``; unknown namespaces stay as they are."""
    namespace = namespace_of(name)
    prefix = PREFIXES.get(namespace)
    return f"{prefix}:{name[len(namespace) + 2 :]}" if prefix else name


RDF_ROOT: Final = rdf("RDF")
DESCRIPTION: Final = rdf("Description")
ABOUT: Final = rdf("about")
PARSE_TYPE: Final = rdf("parseType")
#: As one client in use writes it, without a prefix.
BARE_PARSE_TYPE: Final = "parseType"
RDF_RESOURCE: Final = rdf("resource")
DATATYPE: Final = rdf("datatype")

XML_BASE: Final = f"{{{XML}}}base"
XML_LANG: Final = f"{{{XML}}}lang"
XML_SPACE: Final = f"{{{XML}}}space"
XML_ID: Final = f"{{{XML}}}id"

IDENTIFIER: Final = dcterms("identifier")
TYPE: Final = dcterms("type")
CREATED: Final = dcterms("created")
VALID: Final = dcterms("valid")
TITLE: Final = dcterms("title")
DESCRIPTION_TEXT: Final = dcterms("description")
PUBLISHER: Final = dcterms("publisher")
FORMAT: Final = dcterms("format")
ALTERNATIVE: Final = dcterms("alternative")
REPLACED_BY: Final = dcterms("isReplacedBy")

BYTES: Final = slreq("bytes")
CHECKSUM: Final = slreq("checksum")
ALGORITHM: Final = slreq("algorithm")
VALUE: Final = slreq("value")
ENDORSEMENT: Final = slreq("endorsement")
ENDORSER: Final = slreq("endorser")
EMAIL: Final = slreq("email")
SUBJECT: Final = slreq("subject")
ISSUER: Final = slreq("issuer")

DEPRECATED: Final = slterms("deprecated")
OS: Final = slterms("os")
OS_VERSION: Final = slterms("os-version")
OS_ARCH: Final = slterms("os-arch")
KIND: Final = slterms("kind")
VERSION: Final = slterms("version")
SERIAL_NUMBER: Final = slterms("serial-number")
LOCATION: Final = slterms("location")
INBOUND_PORT: Final = slterms("inbound-port")
OUTBOUND_PORT: Final = slterms("outbound-port")
ICMP: Final = slterms("icmp")

#: Known elements that every entry has.
REQUIRED: Final = frozenset({IDENTIFIER, BYTES, CHECKSUM, ENDORSEMENT, TYPE})

#: Known optional elements, all leaves: everything else beside the required ones is an extension.
OPTIONAL: Final = frozenset(
    {
        VALID,
        TITLE,
        DESCRIPTION_TEXT,
        dcterms("creator"),
        CREATED,
        PUBLISHER,
        FORMAT,
        dcterms("compression"),
        ALTERNATIVE,
        dcterms("replaces"),
        REPLACED_BY,
        dcterms("isVersionOf"),
        dcterms("accessRights"),
        dcterms("audience"),
        KIND,
        OS,
        OS_VERSION,
        OS_ARCH,
        VERSION,
        SERIAL_NUMBER,
        LOCATION,
        slterms("hypervisor"),
        slterms("disks-bus"),
        INBOUND_PORT,
        OUTBOUND_PORT,
        ICMP,
        DEPRECATED,
    }
)

#: Optional elements that stand at most once.
SINGLE: Final = frozenset({SERIAL_NUMBER, VERSION, DEPRECATED, OS, OS_ARCH, OS_VERSION})

#: Elements of the known vocabulary that hold elements, not a value.
CONTAINERS: Final = frozenset({RDF_ROOT, DESCRIPTION, CHECKSUM, ENDORSEMENT, ENDORSER})
