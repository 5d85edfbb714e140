"""Step 1: where comments and processing instructions may stand."""

from __future__ import annotations

import pytest

from tests.unit.validators.judging import code, made, put_last, replaced
from validators import accept

IN_VALUES = [
    replaced("<slreq:email>jane", "<slreq:email><!-- x -->jane"),
    replaced("jane.tester@example.org</slreq:email>", "jane.tester@example.org<!-- x -->.evil</slreq:email>"),
    replaced("<dcterms:title>A demo", "<dcterms:title>A<?x y?> demo"),
    replaced("<dcterms:type>machine", "<dcterms:type><!-- x -->machine"),
    replaced("<dcterms:identifier>", "<dcterms:identifier><?x y?>"),
    put_last('<x:a xmlns:x="urn:x#">one<!-- two -->three</x:a>'),
    put_last('<x:a xmlns:x="urn:x#"><!-- nothing --></x:a>'),
]


@pytest.mark.parametrize("hook", IN_VALUES)
def test_comments_and_instructions_in_values_are_refused(hook) -> None:
    assert code(made(hook)) == "parse.comment-in-value"


@pytest.mark.parametrize("remark", ["<!-- x -->", "<?x y?>"])
@pytest.mark.parametrize(
    "place",
    ["</Signature>", "</SignedInfo>", "</DigestValue>", "</X509Certificate>", "</KeyInfo>", "</Transforms>"],
)
def test_comments_and_instructions_in_the_signature_are_refused(remark: str, place: str) -> None:
    data = made(signature=lambda text: text.replace(place, remark + place, 1))
    assert code(data) == "parse.comment-in-value"


@pytest.mark.parametrize(
    "hook",
    [
        replaced("<dcterms:title>", "<!-- x --><dcterms:title>"),
        replaced("<dcterms:title>", "<?x y?><dcterms:title>"),
        replaced("<rdf:Description ", "<!-- x --><rdf:Description "),
        replaced("<slreq:algorithm>", "<!-- x --><?a b?><slreq:algorithm>"),
        replaced("<slreq:email>", "<!-- x --><?a b?><slreq:email>"),
        put_last('<x:a xmlns:x="urn:x#" rdf:parseType="Resource"><!-- x --><x:b>c</x:b></x:a>'),
        put_last('<x:a xmlns:x="urn:x#" rdf:parseType="Resource"><!-- x --></x:a>'),
        put_last(
            '<x:a xmlns:x="urn:x#" rdf:parseType="Literal">text <!-- x --> <b xmlns="">bold<?c d?></b></x:a>'
        ),
        put_last('<x:a xmlns:x="urn:x#"><!-- x --><x:T><x:p>1</x:p></x:T></x:a>'),
    ],
)
def test_comments_and_instructions_between_elements_and_in_literals_pass(hook) -> None:
    assert accept(made(hook))
