"""Names: every common spelling of one, and nothing that only looks like it."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from validators.allowlist import AllowList, parse_allow_list
from validators.distinguished import name_of_der, parse_name
from validators.links import MaterialError

JIM = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "EU"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Demo, Inc"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Jim Tester"),
        x509.NameAttribute(NameOID.EMAIL_ADDRESS, "jim@example.org"),
    ]
)

SPELLINGS = [
    "EMAILADDRESS=jim@example.org,CN=Jim Tester,O=Demo\\, Inc,C=EU",
    "E=jim@example.org, CN=Jim Tester, O=Demo\\, Inc, C=EU",
    'emailAddress = jim@example.org , cn = Jim Tester , o = "Demo, Inc" , c = EU',
    "C=EU; O=Demo\\2C Inc; CN=jim  tester; E=JIM@example.org",
    "/C=EU/O=Demo, Inc/CN=Jim Tester/emailAddress=jim@example.org",
    "/emailAddress=jim@example.org/CN=Jim Tester/O=Demo, Inc/C=EU",
    "1.2.840.113549.1.9.1=#160f6a696d406578616d706c652e6f7267,CN=Jim Tester,O=Demo\\, Inc,C=EU",
    "OID.1.2.840.113549.1.9.1=jim@example.org,2.5.4.3=Jim Tester,O=Demo\\, Inc,C=EU",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_common_spelling_is_the_same_name(spelling):
    assert name_of_der(JIM.public_bytes()) in parse_name(spelling)


@pytest.mark.parametrize(
    "spelling",
    [
        "CN=Jim Tester,O=Demo\\, Inc,C=EU",
        "E=jim@example.org,CN=Jim Teste,O=Demo\\, Inc,C=EU",
        "E=jim@example.org,CN=J\u0456m Tester,O=Demo\\, Inc,C=EU",
        "E=jim@example.org,CN=Jim\u200b Tester,O=Demo\\, Inc,C=EU",
        "E=jim@example.org,CN=\uff2aim Tester,O=Demo\\, Inc,C=EU",
        "CN=Jim Tester,E=jim@example.org,O=Demo\\, Inc,C=EU",
        "E=jim@example.org+CN=Jim Tester,O=Demo\\, Inc,C=EU",
        "/C=EU/O=Demo, Inc/CN=Jim Tester",
    ],
)
def test_other_names_are_other_names(spelling):
    assert name_of_der(JIM.public_bytes()) not in parse_name(spelling)


@pytest.mark.parametrize(
    "kind", [_ASN1Type.UTF8String, _ASN1Type.T61String, _ASN1Type.BMPString, _ASN1Type.UniversalString]
)
def test_the_encoding_of_a_value_does_not_matter(kind):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Jim", _type=kind)])
    assert name_of_der(name.public_bytes()) in parse_name("CN=jim")


def test_values_that_are_no_text_equal_only_themselves():
    broken = [bytes.fromhex(f"300e310c300a06035504030c03{value}") for value in ("ff6162", "fe6162")]
    one, other = map(name_of_der, broken)
    assert one != other
    assert one in parse_name("CN=#0c03ff6162")


def test_parts_with_several_attributes_are_sets():
    assert parse_name("CN=a+UID=b,C=EU") == parse_name("UID=b + CN=a, C=EU")


def test_slashes_inside_values():
    assert parse_name("/C=EU/CN=host/www.example.org") == parse_name("CN=host/www.example.org,C=EU")


def test_escaped_ends_and_signs():
    assert parse_name("CN=a\\ ,C=EU") == parse_name("CN=a,C=EU")
    assert parse_name('CN=a\\"b\\\\') == parse_name('CN="a\\"b\\\\"')
    assert parse_name("CN=") == parse_name('CN=""')


@pytest.mark.parametrize(
    "text",
    ["", "/", "Jim", "CN", "CN=a,,C=EU", "CN=a,", "XX=1", 'CN="a', "CN=a\\", "1=x", "CN=#0c05aa", "CN=\\ff"],
)
def test_what_is_no_name_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_name(text)


def test_what_is_no_der_is_refused():
    with pytest.raises(ValueError, match="DER"):
        name_of_der(b"0\x02\x31")


def test_an_allow_list():
    listed = parse_allow_list("\ufeff# staff\n\nCN=Jim Tester, C=EU\r\n/C=EU/CN=Joan\n".encode())
    assert name_of_der(_name("Joan")) in listed
    assert name_of_der(_name("Jane")) not in listed
    assert AllowList().digest != listed.digest


def test_faults_of_an_allow_list_are_named_by_line():
    with pytest.raises(MaterialError, match=r"line 2: .*line 3: "):
        parse_allow_list(b"CN=a\nnonsense\nXX=b\n")
    with pytest.raises(MaterialError, match="UTF-8"):
        parse_allow_list(b"CN=\xff")
    with pytest.raises(MaterialError, match="lines"):
        parse_allow_list(b"#\n" * 100_001)


def _name(common):
    return x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "EU"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    ).public_bytes()


def test_a_value_of_a_type_that_is_no_text():
    number = bytes.fromhex("300c310a300806035504030201" + "05")
    assert name_of_der(number) in parse_name("CN=#020105")
    assert name_of_der(number) not in parse_name("CN=5")
