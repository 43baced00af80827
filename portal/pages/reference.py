"""The API's description as the reference page shows it: operations by tag, with what each takes and gives."""

from collections import defaultdict
from typing import Any, NamedTuple

Schema = dict[str, Any]


class Field(NamedTuple):
    """One parameter or member."""

    name: str
    kind: str
    required: bool
    description: str


class Operation(NamedTuple):
    """One thing a caller can do."""

    method: str
    path: str
    summary: str
    description: str
    public: bool
    parameters: list[Field]
    body: list[Field]
    answer: list[Field]


def operations(schema: Schema) -> dict[str, list[Operation]]:
    """Every operation under its tag."""
    groups: dict[str, list[Operation]] = defaultdict(list)
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            tag = operation.get("tags", ["other"])[0]
            groups[tag].append(_operation(schema, method.upper(), path, operation))
    return dict(groups)


def _operation(schema: Schema, method: str, path: str, operation: Schema) -> Operation:
    answers = [a for status, a in operation["responses"].items() if status.startswith("2")]
    return Operation(
        method=method,
        path=path,
        summary=operation["summary"],
        description=operation.get("description", ""),
        public=not operation.get("security"),
        parameters=[_parameter(schema, p) for p in operation.get("parameters", [])],
        body=_members(schema, _content(operation.get("requestBody", {}))),
        answer=_members(schema, _content(answers[0] if answers else {})),
    )


def _parameter(schema: Schema, parameter: Schema) -> Field:
    return Field(
        f"{parameter['name']} ({parameter['in']})",
        _kind(schema, parameter["schema"]),
        parameter.get("required", False),
        parameter.get("description", ""),
    )


def _content(holder: Schema) -> Schema:
    contents: list[Schema] = list(holder.get("content", {}).values())
    found: Schema = contents[0].get("schema", {}) if contents else {}
    return found


def _members(schema: Schema, described: Schema) -> list[Field]:
    target = _resolve(schema, described)
    required = target.get("required", [])
    return [
        Field(name, _kind(schema, member), name in required, member.get("description", ""))
        for name, member in target.get("properties", {}).items()
    ]


def _resolve(schema: Schema, described: Schema) -> Schema:
    for option in described.get("anyOf", []):
        if option.get("type") != "null":
            return _resolve(schema, option)
    if "$ref" in described:
        found: Schema = schema["components"]["schemas"][described["$ref"].rsplit("/", 1)[-1]]
        return found
    return described


def _kind(schema: Schema, described: Schema) -> str:
    if "anyOf" in described:
        return " or ".join(_kind(schema, option) for option in described["anyOf"])
    if "$ref" in described:
        target = _resolve(schema, described)
        return _listed(target) or str(described["$ref"].rsplit("/", 1)[-1])
    if described.get("type") == "array":
        inner = described.get("items") or (described.get("prefixItems") or [{}])[0]
        return f"list of {_kind(schema, inner)}"
    return _listed(described) or str(described.get("format") or described.get("type") or "any")


def _listed(described: Schema) -> str:
    if "const" in described:
        return f"“{described['const']}”"
    return " · ".join(map(str, described.get("enum", [])))
