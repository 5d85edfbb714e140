"""Shapes have names of their own, and their schemas in OpenAPI the names that clients know."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from marketplace.api import shapes
from marketplace.api.shapes.base import RequestBody, Shape, components, schema_name
from marketplace.api.shapes.webhooks import NewWebhookShape, WebhookParts


def classes(base: type[Shape | RequestBody]) -> set[type[Shape | RequestBody]]:
    """All classes of shapes of one kind."""
    for module in iter_modules(shapes.__path__):
        import_module(f"{shapes.__name__}.{module.name}")
    found: set[type[Shape | RequestBody]] = set()
    waiting = [base]
    while waiting:
        more = [one for one in waiting.pop().__subclasses__() if one.__module__.startswith("marketplace.")]
        found.update(more)
        waiting += more
    return found


def test_the_names_of_shapes_of_answers_end_alike_and_no_others() -> None:
    answers, bodies = classes(Shape), classes(RequestBody)
    assert len(answers) > 30 and len(bodies) > 10
    assert [one.__name__ for one in answers if not one.__name__.endswith("Shape")] == []
    assert [one.__name__ for one in bodies if one.__name__.endswith("Shape")] == []


def test_clients_see_the_names_without_the_ending() -> None:
    schemas = components([NewWebhookShape, WebhookParts])
    assert {"NewWebhook", "WebhookDeliveries", "WebhookLinks", "WebhookParts"} <= set(schemas)
    assert schemas["NewWebhook"]["properties"]["links"]["$ref"] == "#/components/schemas/WebhookLinks"
    assert schema_name(NewWebhookShape) == "NewWebhook" and schema_name(WebhookParts) == "WebhookParts"
    assert "Shape" not in repr(schemas)
