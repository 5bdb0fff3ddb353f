"""Random documents of the schema, from a fixed seed: whatever is asked, nothing unexpected happens."""

from __future__ import annotations

import random
from typing import Any

from cellmill.graphql.context import Context
from cellmill.graphql.schema import execute, schema
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
)

from tests.fuzzing import FIXED, examples

SEED = 20_240_229 if FIXED else random.randrange(1 << 30)
DOCUMENTS = examples(250)
#: Levels of fields below the root.
DEPTH = 4
MASKED = "An unexpected error happened"
TEXTS = ("", "raw", "doubled", "nope", "a/b", "*", "\\u0000", "0 6 * * *", "é", "[]", "-1", "x" * 300, "{", "key:raw")
SCHEMA = schema._schema


class Documents:
    """Makes documents that the schema allows, with values that people would not send."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def query(self) -> str:
        """One query of one field."""
        root = SCHEMA.query_type
        assert root is not None
        name = self.random.choice(sorted(root.fields))
        return "{ " + self.field(name, root.fields[name], DEPTH) + " }"

    def mutation(self) -> str:
        """One mutation that starts nothing."""
        root = SCHEMA.mutation_type
        assert root is not None
        quiet = [name for name in sorted(root.fields) if not name.startswith(("launch", "reload", "shutdown"))]
        name = self.random.choice(quiet)
        return "mutation { " + self.field(name, root.fields[name], 2) + " }"

    def field(self, name: str, field: GraphQLField, depth: int) -> str:
        """A field with arguments and a selection."""
        given = [
            f"{key}: {self.value(one.type)}"
            for key, one in field.args.items()
            if isinstance(one.type, GraphQLNonNull) or self.random.random() < 0.5
        ]
        arguments = f"({', '.join(given)})" if given else ""
        return name + arguments + self.selection(get_named_type(field.type), depth)

    def selection(self, type_: Any, depth: int) -> str:
        """Some fields of an object, or fragments on the members of a union."""
        if isinstance(type_, GraphQLUnionType | GraphQLInterfaceType):
            if depth <= 0:
                return " { __typename }"
            # One member only: two may not have the same field with different arguments or types.
            member = self.random.choice(list(SCHEMA.get_possible_types(type_)))
            return f" {{ __typename ... on {member.name}{self.selection(member, depth - 1)} }}"
        if not isinstance(type_, GraphQLObjectType):
            return ""
        if depth <= 0:
            return " { __typename }"
        names = self.random.sample(sorted(type_.fields), min(4, len(type_.fields)))
        return " { __typename " + " ".join(self.field(name, type_.fields[name], depth - 1) for name in names) + " }"

    def value(self, type_: Any) -> str:
        """A literal of the type."""
        if isinstance(type_, GraphQLNonNull):
            return self._inner(type_.of_type)
        if self.random.random() < 0.08:
            return "null"
        if isinstance(type_, GraphQLList):
            return "[" + ", ".join(self._inner(type_.of_type) for _ in range(self.random.randrange(3))) + "]"
        return self._inner(type_)

    def _inner(self, type_: Any) -> str:
        if isinstance(type_, GraphQLNonNull):
            return self._inner(type_.of_type)
        if isinstance(type_, GraphQLList):
            return self.value(type_)
        if isinstance(type_, GraphQLEnumType):
            return self.random.choice(sorted(type_.values))
        if isinstance(type_, GraphQLInputObjectType):
            needed = {
                name: one
                for name, one in type_.fields.items()
                if isinstance(one.type, GraphQLNonNull) or self.random.random() < 0.4
            }
            return "{" + ", ".join(f"{name}: {self._inner(one.type)}" for name, one in needed.items()) + "}"
        match type_.name:
            case "Int":
                return str(self.random.choice((0, 1, -1, 7, 2**31 - 1)))
            case "Float":
                return str(self.random.choice((0.0, -1.5, 1e300, 1700000000.5)))
            case "Boolean":
                return self.random.choice(("true", "false"))
            case "JSON" | "RunConfigData":
                return self.random.choice(('"{"', "{}", "{ops: {}}", '"ops: {a: 1}"', "[]", "3"))
        return f'"{self.random.choice(TEXTS)}"'


def test_no_document_finds_an_unexpected_error(context: Context) -> None:
    """Each answer is data, or an error that says what is wrong; none is one that the server did not foresee."""
    documents = Documents(SEED)
    bad = []
    answered = 0
    for number in range(DOCUMENTS):
        text = documents.mutation() if number % 5 == 4 else documents.query()
        answer = execute(text, {}, None, context.for_request("fuzz"))
        answered += answer["data"] is not None
        bad += [(text, one) for one in answer.get("errors", ()) if MASKED in one["message"]]
    assert not bad, f"with the seed {SEED}:\n" + "\n".join(f"{text}\n  {one}" for text, one in bad[:5])
    assert answered > DOCUMENTS / 3
