"""Images that an endorser offers to a site."""

from __future__ import annotations

from tests.sites.clouds import Cloud
from tests.sites.pictures import Picture


def offer(cloud: Cloud, picture: Picture, url: str, text: str = "", head: str = "", **fields: object) -> str:
    """Endorse a picture under a tag of its own, and subscribe to that; returns the tag."""
    tag = picture.identifier
    cloud.configure(text, subscription=f'tag = "alice@images.example.org/{tag}"', head=head)
    cloud.say(picture.draft(url, tags=(tag,), **fields))
    return tag


def site_metrics(site: object) -> str:
    from marketplace.sites.decisions.answering import ask_socket

    return ask_socket(site.run, b"GET /metrics HTTP/1.0\r\n\r\n", 10)[2]
