"""Tables as metadata: records, columns, constraints, and where each column comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cellmill.definitions.asset_key import AssetKey, CoercibleToAssetKey
from cellmill.errors import CheckError, ParameterCheckError

#: Python types a table cell may hold, with the column type each stands for.
_COLUMN_TYPES: Mapping[type, str] = {str: "string", int: "int", bool: "bool", float: "float"}


@dataclass(frozen=True, init=False)
class TableRecord:
    """One row of a table.

    Args:
        data: Plain values (text, number, truth value or None) by the names of their columns.

    Raises:
        CheckError: for a value of another kind, with the column's name.
    """

    data: Mapping[str, str | int | float | bool | None]

    def __init__(self, data: Mapping[str, str | int | float | bool | None]) -> None:
        for name, value in data.items():
            if value is not None and type(value) not in _COLUMN_TYPES:
                raise CheckError(
                    f"Column {name!r} of a TableRecord holds {value!r} of type {type(value).__name__}; "
                    "a table cell is a str, int, float, bool or None."
                )
        object.__setattr__(self, "data", dict(data))


@dataclass(frozen=True)
class TableColumnConstraints:
    """What holds for every value of a column.

    Args:
        nullable: Whether values may be missing.
        unique: Whether no value comes twice.
        other: Further constraints, in words.
    """

    nullable: bool = True
    unique: bool = False
    other: Sequence[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "other", list(self.other or ()))


@dataclass(frozen=True)
class TableConstraints:
    """What holds for a table as a whole, in words.

    Args:
        other: The constraints, each as a text.
    """

    other: Sequence[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "other", list(self.other or ()))


@dataclass(frozen=True)
class TableColumn:
    """A column: its name, its type as text, a description, constraints and tags.

    Args:
        name: Name of the column.
        type: Its type in the words of the system that holds the table, such as "varchar(20)".
        description: What it holds.
        constraints: What holds for every value of it.
        tags: Tags of the column, text to text.
    """

    name: str
    type: str = "string"
    description: str | None = None
    constraints: TableColumnConstraints = field(default_factory=TableColumnConstraints)
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _expect("name", self.name, str)
        _expect("type", self.type, str)
        if self.constraints is None:
            object.__setattr__(self, "constraints", TableColumnConstraints())
        object.__setattr__(self, "tags", dict(self.tags or {}))


@dataclass(frozen=True)
class TableSchema:
    """The columns of a table, in order, and its constraints.

    As metadata under the name `dagster/column_schema` it is what `build_column_schema_change_checks` compares and what
    selections by `column` look at.

    Args:
        columns: The columns, as `TableColumn`s.
        constraints: What holds for the table as a whole.

    Raises:
        CheckError: for a column that is no `TableColumn`.
    """

    columns: Sequence[TableColumn]
    constraints: TableConstraints = field(default_factory=TableConstraints)

    def __post_init__(self) -> None:
        for column in self.columns:
            if not isinstance(column, TableColumn):
                raise CheckError(f"TableSchema(columns=…) takes TableColumn objects; got {column!r}.")
        object.__setattr__(self, "columns", list(self.columns))
        if self.constraints is None:
            object.__setattr__(self, "constraints", TableConstraints())

    @staticmethod
    def from_name_type_dict(name_type_dict: Mapping[str, str]) -> TableSchema:
        """The schema of columns that have a name and a type and nothing else.

        Args:
            name_type_dict: Types, as text, by the names of the columns.
        """
        return TableSchema(columns=[TableColumn(name=name, type=kind) for name, kind in name_type_dict.items()])


@dataclass(frozen=True, init=False)
class TableColumnDep:
    """A column of an upstream asset.

    Args:
        asset_key: The asset: a key, or its name.
        column_name: Name of the column.
    """

    asset_key: AssetKey
    column_name: str

    def __init__(self, asset_key: CoercibleToAssetKey, column_name: str) -> None:
        object.__setattr__(self, "asset_key", AssetKey.from_coercible(asset_key))
        object.__setattr__(self, "column_name", column_name)


@dataclass(frozen=True, init=False)
class TableColumnLineage:
    """For each column, the upstream columns it is made from.

    Args:
        deps_by_column: `TableColumnDep`s by the names of the columns that are made from them.
    """

    deps_by_column: Mapping[str, Sequence[TableColumnDep]]

    def __init__(self, deps_by_column: Mapping[str, Sequence[TableColumnDep]]) -> None:
        object.__setattr__(self, "deps_by_column", {name: list(deps) for name, deps in deps_by_column.items()})


def infer_schema(records: Sequence[TableRecord]) -> TableSchema:
    """The schema that the first record suggests; every record must have the same columns."""
    if not records:
        raise CheckError("A table without records needs schema=TableSchema(…), since nothing can be inferred from it.")
    first = records[0]
    for record in records[1:]:
        if set(record.data) != set(first.data):
            raise CheckError(
                f"All records of a table must have the same columns; {sorted(record.data)} is not {sorted(first.data)}."
            )
    return TableSchema(
        columns=[
            TableColumn(name=name, type=_COLUMN_TYPES.get(type(value), "string")) for name, value in first.data.items()
        ]
    )


def schema_to_json(schema: TableSchema) -> dict[str, Any]:
    """The stable JSON form of a table schema."""
    return {
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "description": column.description,
                "constraints": {
                    "nullable": column.constraints.nullable,
                    "unique": column.constraints.unique,
                    "other": list(column.constraints.other),
                },
                "tags": dict(column.tags),
            }
            for column in schema.columns
        ],
        "constraints": {"other": list(schema.constraints.other)},
    }


def schema_from_json(data: Mapping[str, Any]) -> TableSchema:
    """The table schema whose JSON form this is."""
    return TableSchema(
        columns=[
            TableColumn(
                name=column["name"],
                type=column["type"],
                description=column["description"],
                constraints=TableColumnConstraints(**column["constraints"]),
                tags=column["tags"],
            )
            for column in data["columns"]
        ],
        constraints=TableConstraints(other=data["constraints"]["other"]),
    )


def _expect(name: str, value: object, expected: type) -> None:
    if not isinstance(value, expected):
        raise ParameterCheckError(f"{name} must be {expected.__name__}; got {value!r} of type {type(value).__name__}.")
