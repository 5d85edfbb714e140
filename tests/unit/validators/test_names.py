"""Certificate names are spelled as Java's X500Principal.getName() spells them."""

import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID
from hypothesis import example, given
from hypothesis import strategies as st

from validators.names import java_name_of_der


def java_name(name: x509.Name) -> str:
    return java_name_of_der(name.public_bytes())


def name(*attributes):
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


def test_most_specific_part_first_with_keywords():
    spelled = java_name(
        name(
            (NameOID.COUNTRY_NAME, "EU"),
            (NameOID.STATE_OR_PROVINCE_NAME, "st"),
            (NameOID.LOCALITY_NAME, "l"),
            (NameOID.STREET_ADDRESS, "1 Main"),
            (NameOID.ORGANIZATION_NAME, "o"),
            (NameOID.ORGANIZATIONAL_UNIT_NAME, "ou"),
            (NameOID.DOMAIN_COMPONENT, "dc"),
            (NameOID.USER_ID, "uid"),
            (NameOID.COMMON_NAME, "Jane Tester"),
        )
    )
    assert spelled == "CN=Jane Tester,UID=uid,DC=dc,OU=ou,O=o,STREET=1 Main,L=l,ST=st,C=EU"


def test_types_without_keyword_are_numbers_and_hex():
    spelled = java_name(name((NameOID.EMAIL_ADDRESS, "a@b.org"), (NameOID.SERIAL_NUMBER, "9")))
    assert spelled == "2.5.4.5=#130139,1.2.840.113549.1.9.1=#1607" + b"a@b.org".hex()


def test_parts_of_one_rdn_are_joined_by_plus():
    rdn = x509.RelativeDistinguishedName(
        [x509.NameAttribute(NameOID.COMMON_NAME, "a"), x509.NameAttribute(NameOID.USER_ID, "b")]
    )
    assert java_name(x509.Name([rdn])) in ("CN=a+UID=b", "UID=b+CN=a")


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        ('a,b=c+d<e>f#g;h"i\\j', 'CN=a\\,b\\=c\\+d\\<e\\>f\\#g\\;h\\"i\\\\j'),
        ("#x", "CN=\\#x"),
        ("  a b ", "CN=\\ \\ a b\\ "),
        ("   ", "CN=\\ \\ \\ "),
        (" #", "CN=\\ \\#"),
        ("a\0b", "CN=a\\00b"),
        ("Élodie", "CN=Élodie"),
    ],
)
def test_escapes(value, spelled):
    assert java_name(name((NameOID.COMMON_NAME, value))) == spelled


def test_a_bmp_string_is_read_byte_by_byte():
    attribute = x509.NameAttribute(NameOID.COMMON_NAME, "ab", _type=_ASN1Type.BMPString)
    assert java_name(x509.Name([attribute])) == "CN=\\00a\\00b"


def test_a_value_that_is_no_text_is_hex_even_with_a_keyword():
    attribute = x509.NameAttribute(NameOID.COMMON_NAME, "12", _type=_ASN1Type.NumericString)
    assert java_name(x509.Name([attribute])) == "CN=#12023132"


@given(st.text(min_size=1, max_size=16), st.text(min_size=1, max_size=16))
def test_different_names_never_share_a_spelling(one, other):
    spellings = {java_name(name((NameOID.COMMON_NAME, value))) for value in (one, other)}
    assert len(spellings) == len({one, other})


@given(st.text("abc ,=+", min_size=1, max_size=300))
@example("a" * 200)
def test_long_values_keep_every_character(value):
    attribute = x509.NameAttribute(NameOID.ORGANIZATION_NAME, value, _validate=False)
    assert java_name(x509.Name([attribute])).replace("\\", "") == "O=" + value
