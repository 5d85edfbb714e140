"""The endorser looks like the certificate's holder and is another one."""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.attacks.certificates import emails, own
from tests.attacks.forging import Attack, Build, edit, entry, shown_with
from tests.factories.identities import make_identity

KIND = "identity"

SUBJECT = "CN=Jane Tester,O=Demo Project,C=EU"
EMAIL = "jane.tester@example.org"


#: A name that would clear the screen, were it printed in a refusal.
_HOSTILE = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "\x1b[2J\n\u202e" * 8)]).public_bytes()


def _subject(new: str) -> Build:
    return lambda: entry(edit(f"<slreq:subject>{SUBJECT}<", f"<slreq:subject>{new}<"))


def _issuer(new: str) -> Build:
    return lambda: entry(edit(f"<slreq:issuer>{SUBJECT}<", f"<slreq:issuer>{new}<"))


def _email(new: str) -> Build:
    return lambda: entry(edit(f"<slreq:email>{EMAIL}<", f"<slreq:email>{new}<"))


_SUBJECTS = {
    "Cyrillic a": "CN=J\u0430ne Tester,O=Demo Project,C=EU",
    "Greek omicron": "CN=Jane Tester,O=Dem\u03bf Project,C=EU",
    "full-width letters": "CN=\uff2aane Tester,O=Demo Project,C=EU",
    "zero-width space": "CN=Jane\u200b Tester,O=Demo Project,C=EU",
    "zero-width joiner": "CN=Jane\u200d Tester,O=Demo Project,C=EU",
    "soft hyphen": "CN=Jane\u00ad Tester,O=Demo Project,C=EU",
    "byte order mark": "\ufeffCN=Jane Tester,O=Demo Project,C=EU",
    "no-break space": "CN=Jane\u00a0Tester,O=Demo Project,C=EU",
    "right to left": "CN=\u202eretseT enaJ,O=Demo Project,C=EU",
    "combining accent": "CN=Jane\u0301 Tester,O=Demo Project,C=EU",
    "spelled NUL": "CN=Jane Tester\\00,O=Demo Project,C=EU",
    "other case": "cn=jane tester,o=demo project,c=eu",
    "keyword in small letters": "cn=Jane Tester,o=Demo Project,c=EU",
    "parts in the other order": "C=EU,O=Demo Project,CN=Jane Tester",
    "parts exchanged": "O=Demo Project,CN=Jane Tester,C=EU",
    "a space behind each comma": "CN=Jane Tester, O=Demo Project, C=EU",
    "semicolons": "CN=Jane Tester;O=Demo Project;C=EU",
    "slashes": "/C=EU/O=Demo Project/CN=Jane Tester",
    "numbers in place of keywords": "2.5.4.3=Jane Tester,2.5.4.10=Demo Project,2.5.4.6=EU",
    "an escape that is not needed": "CN=J\\61ne Tester,O=Demo Project,C=EU",
    "quotes": 'CN="Jane Tester",O=Demo Project,C=EU',
    "a part left out": "CN=Jane Tester,C=EU",
    "a part added": "CN=Jane Tester,OU=x,O=Demo Project,C=EU",
    "the common name twice": "CN=Jane Tester,CN=Jane Tester,O=Demo Project,C=EU",
    "parts joined by plus": "CN=Jane Tester+O=Demo Project,C=EU",
    "white space around": " CN=Jane Tester,O=Demo Project,C=EU ",
    "a new line": "CN=Jane Tester,\nO=Demo Project,C=EU",
    "two spaces": "CN=Jane  Tester,O=Demo Project,C=EU",
    "nothing": "",
    "a wildcard": "*",
    "next line for the space": "CN=Jane\u0085Tester,O=Demo Project,C=EU",
}
_SYNTAX = {
    "Cyrillic letter": "j\u0430ne.tester@example.org",
    "full-width at sign": "jane.tester\uff20example.org",
    "full-width dot": "jane.tester@example\uff0eorg",
    "ideographic dot": "jane.tester@example\u3002org",
    "zero-width space": "jane.tester@exam\u200bple.org",
    "two addresses with a comma": f"{EMAIL},joan.tester@example.org",
    "two addresses with a space": f"{EMAIL} joan.tester@example.org",
    "two addresses with a semicolon": f"{EMAIL};joan.tester@example.org",
    "two at signs": "jane.tester@example.org@evil.org",
    "display name": f"Jane &lt;{EMAIL}&gt;",
    "quoted local part": '"jane.tester"@example.org',
    "comment of mail syntax": "jane.tester(x)@example.org",
    "white space in front": f" {EMAIL}",
    "new line behind": f"{EMAIL}\n",
    "carriage return behind": f"{EMAIL}&#13;",
    "header line behind": f"{EMAIL}&#13;&#10;Bcc: evil@example.org",
    "tab inside": "jane.tester@exa\tmple.org",
    "next line behind": f"{EMAIL}\u0085",
    "percent-encoded NUL before the at sign's host": "jane.tester@%00example.org",
    "address in brackets": "jane.tester@[127.0.0.1]",
    "underscore in the host": "jane.tester@exam_ple.org",
    "empty label": "jane.tester@example..org",
    "dot behind": f"{EMAIL}.",
    "dot in front of the host": "jane.tester@.example.org",
    "no local part": "@example.org",
    "no host": "jane.tester@",
    "nothing": "",
    "300 characters": "a" * 300 + "@example.org",
    "slash": "jane/tester@example.org",
    "accent": "jané.tester@example.org",
}
_OTHERS = {
    "capitals": "Jane.Tester@example.org",
    "capitals in the host": "jane.tester@EXAMPLE.ORG",
    "plus tag": "jane.tester+x@example.org",
    "no dot": "janetester@example.org",
    "sub domain": "jane.tester@mail.example.org",
    "digit one for the letter": "jane.tester@examp1e.org",
    "punycode": "jane.tester@xn--exmple-cua.org",
    "somebody else": "joan.tester@example.org",
}


def _second_address() -> bytes:
    """The certificate's second address: only the first is the endorser's."""
    identity = make_identity(more_emails=("second@example.org",))
    return entry(edit(f"<slreq:email>{EMAIL}<", "<slreq:email>second@example.org<"), identity=identity)


def _name_with_nul() -> bytes:
    """A certificate for ``Jane Tester\\0...``, whose holder says to be Jane Tester."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Jane Tester\0.evil")])
    return entry(
        edit("<slreq:subject>CN=Jane Tester\\00.evil<", "<slreq:subject>CN=Jane Tester<"),
        identity=make_identity(subject=name),
    )


def _name_with_comma() -> bytes:
    """A common name that spells a whole distinguished name, shown without its escapes."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Jane Tester,O=Demo Project,C=EU")])
    escaped = "CN=Jane Tester\\,O\\=Demo Project\\,C\\=EU"
    return entry(
        edit(f"<slreq:subject>{escaped}<", f"<slreq:subject>{SUBJECT}<"), identity=make_identity(subject=name)
    )


def _twice(name: str) -> Build:
    return lambda: entry(edit(f"</slreq:{name}>", f"</slreq:{name}><slreq:{name}>x</slreq:{name}>"))


ATTACKS = [
    *(
        Attack(KIND, f"subject with {name}", "endorser.subject", _subject(text))
        for name, text in _SUBJECTS.items()
    ),
    *(
        Attack(KIND, f"issuer with {name}", "endorser.issuer", _issuer(_SUBJECTS[name]))
        for name in ("Cyrillic a", "parts in the other order", "other case", "nothing")
    ),
    *(
        Attack(KIND, f"e-mail with {name}", "endorser.email-syntax", _email(text))
        for name, text in _SYNTAX.items()
    ),
    *(
        Attack(KIND, f"e-mail of another: {name}", "endorser.email", _email(text))
        for name, text in _OTHERS.items()
    ),
    Attack(KIND, "second address of the certificate", "endorser.email", _second_address),
    Attack(
        KIND,
        "empty first address in the certificate",
        "endorser.email",
        lambda: shown_with([own(extensions=[emails(b"", EMAIL.encode())])]),
    ),
    Attack(KIND, "NUL in the certificate's name", "endorser.subject", _name_with_nul),
    Attack(
        KIND,
        "control characters in the certificate's name",
        "endorser.subject",
        lambda: shown_with([own(subject=_HOSTILE)]),
    ),
    Attack(KIND, "a distinguished name in the common name", "endorser.subject", _name_with_comma),
    *(Attack(KIND, f"{name} twice", "shape.count", _twice(name)) for name in ("email", "subject", "issuer")),
    Attack(
        KIND,
        "NUL as a reference in the e-mail",
        "parse.not-well-formed",
        lambda: entry(after=edit(EMAIL, EMAIL + "&#0;")),
    ),
    Attack(KIND, "NUL byte in the e-mail", "parse.encoding", lambda: entry(after=edit(EMAIL, EMAIL + "\0"))),
    Attack(
        KIND,
        "two endorsers",
        "shape.count",
        lambda: entry(
            edit("</slreq:endorser>", '</slreq:endorser><slreq:endorser rdf:parseType="Resource"/>')
        ),
    ),
    Attack(
        KIND,
        "two endorsements",
        "shape.count",
        lambda: entry(
            edit("</slreq:endorsement>", '</slreq:endorsement><slreq:endorsement rdf:parseType="Resource"/>')
        ),
    ),
    Attack(KIND, "element in the e-mail", "shape.element", _email(f"{EMAIL}<slreq:email/>")),
    Attack(
        KIND,
        "elements of the endorser in a look-alike namespace",
        "shape.element",
        lambda: entry(
            lambda text: text.replace(
                "<slreq:email>", '<slreq:email xmlns:slreq="http://mp.stratuslab.eu/slreq">'
            )
        ),
    ),
]
