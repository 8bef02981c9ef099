"""What an item says about a new operation, in the words of the facade."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen
from openapi_diff.documents import Document, Operation
from openapi_diff.schema_view import view_schema

from codegen.adding.completeness import is_list, snake_case
from codegen.facade.call_rules import success_statuses
from codegen.fragment.gaps import DECIDE, JSON

READERS = {"Group": "group", "GroupPage": "groups", "User": "user", "UserPage": "users"}


@frozen
class Facts:
    """What the item says about a new operation, in the words of the facade."""

    operation: Operation
    document: Document  # the items and the overlay together, so far

    @property
    def name(self) -> str:
        return self.operation.name or ""

    @property
    def module(self) -> str:
        """The name of the generated module, and of the sandbox's handler."""
        return snake_case(self.name)

    @property
    def folder(self) -> str:
        """The folder of the generated module, which is named after the tag."""
        return snake_case(str((self.operation.content.get("tags") or [f"{DECIDE} the tag"])[0]).replace(" ", "_"))

    @property
    def is_list(self) -> bool:
        return is_list(self.operation)

    @property
    def topic(self) -> str:
        """The name of a list's paginator: what the list has."""
        return self.module.partition("_")[2] or self.module

    @property
    def method(self) -> str:
        """The name of the client's method."""
        return f"iter_{self.topic}" if self.is_list else self.module

    @property
    def builder(self) -> str:
        """The name of the function that builds the call."""
        return f"{self.topic}_page" if self.is_list else self.module

    @property
    def in_path(self) -> list[str]:
        return [str(each["name"]) for each in self.operation.parameters if each["in"] == "path"]

    @property
    def in_query(self) -> list[str]:
        """The required parameters that are not in the path."""
        known = [each for each in self.operation.parameters if each["in"] == "query" and each.get("required")]
        return [str(each["name"]) for each in known]

    @property
    def body(self) -> Mapping[str, Any]:
        """The fields of the request's body."""
        content = self.operation.content.get("requestBody", {}).get("content", {})
        schema = content.get(JSON, {}).get("schema", {})
        return view_schema(schema, self.document, self.name).properties

    @property
    def arguments(self) -> list[str]:
        return [snake_case(each) for each in dict.fromkeys([*self.in_path, *self.in_query, *self.body])]

    @property
    def statuses(self) -> list[str]:
        return [str(each) for each in self.operation.content.get("responses", {})]

    @property
    def success(self) -> int:
        return next(iter(success_statuses(self.operation)), 200)

    @property
    def writes(self) -> bool:
        return self.operation.method != "GET"

    @property
    def answer(self) -> str | None:
        """The named schema that has everything that the answer shows; None if there is no answer."""
        content = self.operation.content.get("responses", {}).get(str(self.success), {}).get("content", {})
        return self.schema_name(content[JSON]["schema"]) if "schema" in content.get(JSON, {}) else None

    def schema_name(self, shown: Any) -> str:
        """Return the named schema that a derived one stands for, or a name to decide."""
        shown_view = view_schema(shown, self.document, self.name)
        if shown_view.name:
            return shown_view.name
        components = self.document.members(self.document.content.get("components"), "/components")
        for name, schema in self.document.members(components.get("schemas"), "/components/schemas").items():
            if view_schema(schema, self.document, name).required and self._fits(shown, schema):
                return name
        return f"{DECIDE} a name"

    def _fits(self, shown: Any, documented: Any) -> bool:
        """Check whether a derived schema shows each required field and no unknown one, in its lists too."""
        one, other = (view_schema(each, self.document, self.name) for each in (shown, documented))
        if not other.required <= one.properties.keys() <= other.properties.keys():
            return False
        lists = ((one.properties[name], other.properties[name]) for name in one.properties)
        entries = ([view_schema(each, self.document, self.name).items for each in pair] for pair in lists)
        return all(self._fits(*pair) for pair in entries if all(pair))

    @property
    def result(self) -> str:
        """The type that the method returns."""
        if self.answer is None:
            return "None"
        return self.answer if self.answer in READERS else "Any"
