"""Making an entry of a group public in the browser, and the mark that lists give it before."""

from __future__ import annotations

import re

from tests.factories.documents import image, signed
from tests.functional.access import form_key, from_own_page, sign_in
from tests.functional.private_site import GROUP, MEMBER, OUTSIDER, READER, path_of, private_site, put

HTML = {"Accept": "text/html"}


def test_an_entry_is_marked_private_and_made_public_by_a_member(tmp_path) -> None:
    with private_site(tmp_path) as (site, tokens), site.client() as member, site.client() as other:
        path = path_of(put(member, signed(image(title="Quiet quasar")), tokens[MEMBER], GROUP))
        sign_in(member, site, tokens[MEMBER])
        sign_in(other, site, tokens[READER])
        for where in ("/metadata", "/?q=&sort=newest", f"/endorsers/{path.split('/')[1]}?range=36525"):
            page = member.get(where, headers=HTML).text
            assert "Quiet quasar" in page and "Only members of your groups" in page, where
        ask = f"/metadata/{path}/publish"
        assert ask in member.get(f"/metadata/{path}", headers=HTML).text
        assert ask not in other.get(f"/metadata/{path}", headers=HTML).text  # may read, and not upload
        question = member.get(ask, headers=HTML)
        assert "Nothing happens before you press the button" in question.text
        key = form_key(question.text)
        own = {**HTML, **from_own_page(site)}
        assert other.get(ask, headers=HTML).status_code == 404
        assert member.post(ask, data={"key": "0" * 64}, headers=own).status_code == 403
        assert member.post(ask, data={"key": key}, headers=HTML).status_code == 403
        with site.client() as outside:
            sign_in(outside, site, tokens[OUTSIDER])
            assert outside.get(ask, headers=HTML).status_code == 404
            theirs = form_key(outside.get("/account", headers=HTML).text)
            assert outside.post(ask, data={"key": theirs}, headers=own).status_code == 404
            assert outside.get(f"/metadata/{path}", headers=HTML).status_code == 404
        done = member.post(ask, data={"key": key}, headers=own)
        assert (done.status_code, done.headers["Location"]) == (303, f"{site.url}/metadata/{path}")
        with site.client() as anybody:
            assert anybody.get(f"/metadata/{path}", headers=HTML).status_code == 200
        for where in ("/metadata", f"/metadata/{path}"):
            page = member.get(where, headers=HTML).text
            assert "Only members of your groups" not in page and '/publish"' not in re.sub(
                'href="/publish"', "", page
            )


def test_an_entry_that_is_signed_as_private_is_not_offered(tmp_path) -> None:
    private = image(
        title="Quiet pulsar",
        extra="<dcterms:accessRights>private</dcterms:accessRights>"
        f"<dcterms:audience>{GROUP}</dcterms:audience>",
    )
    with private_site(tmp_path) as (site, tokens), site.client() as member:
        path = path_of(put(member, signed(private), tokens[MEMBER], GROUP))
        sign_in(member, site, tokens[MEMBER])
        page = member.get(f"/metadata/{path}", headers=HTML).text
        assert "Quiet pulsar" in page and f"/metadata/{path}/publish" not in page
