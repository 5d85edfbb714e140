"""``/docs/reference``: the OpenAPI document as pages for people, one a topic, without any outside host."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from markupsafe import Markup, escape
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.http.errors import HttpError
from marketplace.pages.handbook import slug
from marketplace.pages.rendering import page

from .openapi import document

_KEY = "marketplace.docs"
#: Parameters of an example; the others would only make it long.
_EXAMPLES = 2
#: An object of JSON that is laid out, without others in it.
_SMALL = re.compile(r"\{\n\s+([^{}\[\]]{1,90})\n\s*\}")


@dataclass(frozen=True)
class Topic:
    """The operations under one heading, and the schemas that are told there.

    Attributes:
        path: where its page is, below the address of the reference.
        operations: as the template shows them.
        schemas: name and text of those that no earlier topic answers with.
    """

    path: str
    name: str
    operations: tuple[Mapping[str, Any], ...]
    schemas: tuple[tuple[str, Markup], ...]


@dataclass(frozen=True)
class Reference:
    """The OpenAPI document, laid out.

    Attributes:
        topics: by path, in the order of reading.
        topic_paths: path of the topic that tells a schema, by the schema's name.
        shared: answers that every operation can give.
    """

    api: Mapping[str, Any]
    topics: Mapping[str, Topic]
    topic_paths: Mapping[str, str]
    shared: tuple[Mapping[str, Any], ...]


@view_config(route_name="api.docs", request_method="GET", permission="site:read")
def contents(request: Request) -> Response:
    """All operations by topic, with links to where each is told."""
    return page(request, "reference", {"reference": _reference(request.registry), "topic": None})


@view_config(route_name="api.docs.topic", request_method="GET", permission="site:read")
def topic(request: Request) -> Response:
    """What the operations of one topic take and answer."""
    reference = _reference(request.registry)
    found = reference.topics.get(request.matchdict["topic"])
    if found is None:
        raise HttpError(404, "docs.unknown", "the API reference has no such topic: see /docs/reference")
    return page(request, "reference", {"reference": reference, "topic": found})


def _reference(registry: Registry) -> Reference:
    if _KEY not in registry:
        registry[_KEY] = _laid_out(document(registry))
    reference: Reference = registry[_KEY]
    return reference


def _laid_out(members: Mapping[str, Any]) -> Reference:
    site, components = members["servers"][0]["url"], members["components"]
    operations: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in members["tags"]}
    shared: set[tuple[str, str]] = set()
    for path, methods in members["paths"].items():
        for method, operation in methods.items():
            operations[operation["tags"][0]].append(_operation(site, path, method, operation))
            shared |= {
                (status, answer["$ref"].rpartition("/")[2])
                for status, answer in operation["responses"].items()
                if "$ref" in answer
            }
    homes: dict[str, str] = {}
    for group, shown in operations.items():
        for name in _with_parts(_answer_lines(shown), components["schemas"]):
            homes.setdefault(name, group)
    # What is answered only with an error, or nowhere, stands with the service itself: the last topic.
    last = next(reversed(operations))
    topics = [
        Topic(
            slug(group),
            group,
            tuple(shown),
            tuple(
                (name, _schema(schema))
                for name, schema in components["schemas"].items()
                if homes.setdefault(name, last) == group
            ),
        )
        for group, shown in operations.items()
    ]
    return Reference(
        members["info"] | {"description": with_code(members["info"]["description"])},
        {one.path: one for one in topics},
        {name: slug(group) for name, group in homes.items()},
        tuple(_answers({status: components["responses"][name] for status, name in sorted(shared)})),
    )


def _answer_lines(operations: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for operation in operations:
        yield from (name for _, name in operation["bodies"] if name)
        for answer in operation["answers"]:
            yield from (name for _, name in answer["types"] if name)


def _with_parts(names: Iterable[str], schemas: Mapping[str, Any]) -> Sequence[str]:
    """Names of schemas, and of all that these refer to."""
    found = list(dict.fromkeys(names))
    for name in found:
        referred = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(schemas[name]))
        found += [one for one in dict.fromkeys(referred) if one not in found]
    return found


def _schema(schema: Mapping[str, Any]) -> Markup:
    told = json.dumps(schema, indent=1, ensure_ascii=False)
    # Small objects in a line of their own: fewer bytes, and more of the whole on a screen.
    text = escape(_SMALL.sub(lambda found: "{" + re.sub(r"\n\s+", " ", found[1]) + "}", told))
    # In text a quotation mark may stand as it is, which is a third of the bytes.
    return Markup(str(text).replace("&#34;", '"'))  # noqa: S704  # escaped above


def _operation(site: str, path: str, method: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation["summary"],
        "description": with_code(operation.get("description", "")),
        "parameters": [
            {
                "name": one["name"],
                "where": one["in"],
                "meaning": with_code(one["description"]),
                "values": with_code(describe(one["schema"])),
            }
            for one in operation["parameters"]
        ],
        "bodies": _types(operation.get("requestBody", {}).get("content", {})),
        "answers": list(_answers(operation["responses"])),
        "example": _example(site, path, method, operation),
    }


def _answers(responses: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for status, answer in responses.items():
        if "$ref" in answer:
            continue
        yield {
            "status": status,
            "meaning": with_code(answer["description"]),
            "types": _types(answer.get("content", {})),
            "headers": list(answer.get("headers", {})),
        }


def _types(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Media types, each with the name of its schema, or with nothing."""
    return [
        (kind, held.get("schema", {}).get("$ref", "").rpartition("/")[2]) for kind, held in content.items()
    ]


def describe(schema: Mapping[str, Any]) -> str:
    """The values of a parameter in a few words."""
    if schema.get("type") == "array":
        return f"{describe(schema['items'])}; may be repeated"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return "`YYYY-MM-DD` or `YYYY-MM-DDThh:mm:ssZ`"
    if schema["type"] == "integer":
        usual = f"; {schema['default']} where absent" if "default" in schema else ""
        return f"a number from {schema['minimum']} to {schema['maximum']}{usual}"
    most = f", at most {schema['maxLength']} characters" if "maxLength" in schema else ""
    return f"text{most}"


def with_code(text: str) -> Markup:
    """Text with what stands between backticks as code; everything is escaped."""
    pieces = [escape(piece) for piece in text.split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if n % 2 else piece for n, piece in enumerate(pieces)
    )


def _example(site: str, path: str, method: str, operation: Mapping[str, Any]) -> str:
    query: list[tuple[str, str]] = []
    for one in operation["parameters"]:
        if one["in"] == "path":
            value = quote(str(one["example"]), safe="@") if "example" in one else one["name"].upper()
            path = path.replace(f"{{{one['name']}}}", value)
        elif "example" in one and len(query) < _EXAMPLES and one["name"] != "media":
            example = one["example"]
            query.append((one["name"], example[0] if isinstance(example, list) else str(example)))
    url = f"{site}{path}"
    if method == "post" and "requestBody" not in operation:
        return f"curl -X POST -H 'Authorization: Bearer TOKEN' {url}"
    if method == "post":
        kind = next(iter(operation["requestBody"]["content"]))
        body = (
            "--data-urlencode 'query@query.rq'"
            if "form" in kind
            else f"-H 'Content-Type: {kind}' --data-binary @signed.xml"
        )
        return f"curl {body} {url}"
    return f"curl '{url}{'?' if query else ''}{urlencode(query)}'"
