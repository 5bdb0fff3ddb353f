"""Types of data frames from pandera schemas: checked by pandera, shown with their columns."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from cellmill.definitions.metadata import MetadataValue, TableSchemaMetadataValue
from cellmill.definitions.outcome import TypeCheck
from cellmill.definitions.table import TableColumn, TableColumnConstraints, TableConstraints, TableSchema
from cellmill.definitions.types.runtime_type import PASSED, Type
from cellmill.errors import MissingExtra, ParameterCheckError

#: Failing values that are shown in the metadata of a failed check; a frame may have millions.
SHOWN_FAILURES = 10


def pandera_schema_to_type(schema: Any, name: str | None = None) -> Type:
    """Return the type of the data frames that a pandera schema accepts.

    A failed check shows the first values that do not fit; the type's metadata shows the columns.

    Args:
        schema: A `DataFrameSchema`, or a `DataFrameModel` class.
        name: The type's name; None takes that of the schema.

    Raises:
        MissingExtra: where pandera is not installed.
    """
    made = _schema_object(schema)
    errors = import_module("pandera.errors")

    def check(_context: Any, value: Any) -> TypeCheck:
        try:
            made.validate(value, lazy=True)
        except errors.SchemaErrors as error:
            return _failed(error)
        except (errors.SchemaError, TypeError, errors.BackendNotFoundError) as error:
            return TypeCheck(success=False, description=f"Must be a data frame that fits the schema: {error}")
        return PASSED

    return Type(
        check,
        name=name or _name(schema, made),
        description=getattr(made, "description", None) or made.title,
        metadata={"schema": TableSchemaMetadataValue(table_schema(made))},
    )


def table_schema(schema: Any) -> TableSchema:
    """The columns of a pandera schema, with types, constraints and descriptions."""
    made = _schema_object(schema)
    return TableSchema(
        columns=[
            TableColumn(
                name=str(column_name),
                type=str(column.dtype) if column.dtype is not None else "any",
                description=column.description,
                constraints=TableColumnConstraints(
                    nullable=bool(column.nullable), unique=bool(column.unique), other=_words(column.checks)
                ),
            )
            for column_name, column in made.columns.items()
        ],
        constraints=TableConstraints(other=_words(made.checks)),
    )


def _schema_object(schema: Any) -> Any:
    try:
        import_module("pandera")
    except ModuleNotFoundError:
        raise MissingExtra("pandera") from None
    made = schema.to_schema() if isinstance(schema, type) and hasattr(schema, "to_schema") else schema
    if not hasattr(made, "columns") or not hasattr(made, "validate"):
        raise ParameterCheckError(
            f"pandera_schema_to_type takes a DataFrameSchema or a DataFrameModel class; got {schema!r}."
        )
    return made


def _name(schema: Any, made: Any) -> str:
    own = made.title or made.name or getattr(schema, "__name__", None)
    return str(own) if own else f"DataFrame[{', '.join(map(str, made.columns))}]"


def _words(checks: Any) -> list[str]:
    return [str(check.description or check.error or check.name) for check in checks or ()]


def _failed(error: Any) -> TypeCheck:
    failures = error.failure_cases
    shown = failures.head(SHOWN_FAILURES)
    return TypeCheck(
        success=False,
        description=f"The data frame has {len(failures)} values or columns that do not fit the schema.",
        metadata={
            "num_failures": len(failures),
            "failure_sample": MetadataValue.md(shown.to_string(index=False)),
        },
    )
