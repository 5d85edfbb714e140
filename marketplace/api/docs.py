"""``/docs``: the OpenAPI document as a page for people, without any outside host."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from markupsafe import Markup, escape
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.web.pages import page

from .openapi import document

_KEY = "marketplace.docs"
#: Parameters of an example; the others would only make it long.
_EXAMPLES = 2


@view_config(route_name="api.docs", request_method="GET", permission="site:read")
def docs(request: Request) -> Response:
    """What the API takes and answers."""
    registry = request.registry
    if _KEY not in registry:
        registry[_KEY] = _values(document(registry))
    return page(request, "docs", registry[_KEY])


def _values(told: Mapping[str, Any]) -> dict[str, Any]:
    site = told["servers"][0]["url"]
    operations = [
        _operation(site, path, method, operation, told["components"]["responses"])
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
    ]
    groups = [
        (tag["name"], [one for one in operations if one["group"] == tag["name"]]) for tag in told["tags"]
    ]
    schemas = [
        (name, json.dumps(schema, indent=2, ensure_ascii=False))
        for name, schema in told["components"]["schemas"].items()
    ]
    api = told["info"] | {"description": with_code(told["info"]["description"])}
    return {"api": api, "groups": groups, "schemas": schemas}


def _operation(
    site: str, path: str, method: str, operation: Mapping[str, Any], shared: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "id": operation["operationId"],
        "group": operation["tags"][0],
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
        "bodies": list(operation.get("requestBody", {}).get("content", {})),
        "answers": list(_answers(operation["responses"], shared)),
        "example": _example(site, path, method, operation),
    }


def _answers(responses: Mapping[str, Any], shared: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for status, found in responses.items():
        answer = shared[found["$ref"].rpartition("/")[2]] if "$ref" in found else found
        content = answer.get("content", {})
        shapes = {
            kind: held.get("schema", {}).get("$ref", "").rpartition("/")[2] for kind, held in content.items()
        }
        yield {
            "status": status,
            "meaning": with_code(answer["description"]),
            "types": list(shapes.items()),
            "headers": list(answer.get("headers", {})),
        }


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
