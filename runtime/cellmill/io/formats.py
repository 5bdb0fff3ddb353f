"""File formats by type of value; a library is used only where the value itself shows that it is loaded already."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import IO, Any, Protocol

from cellmill.errors import MissingExtra, ValueTypeError

#: Items that are looked at before a collection is pickled rather than written as JSON.
JSON_ITEM_LIMIT = 200_000
#: Bits of the largest integer that JSON readers turn back without complaint.
JSON_INT_BITS = 10_000


class Sink(Protocol):
    """A file as those see it who only write."""

    def write(self, data: bytes, /) -> int:
        """Write all of `data`, and return how many bytes that is."""


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a value into a file and read it back."""

    name: str
    suffix: str
    dump: Callable[[Any, Sink], None]
    #: Reads a file; the second argument is the name of the type that was written.
    load: Callable[[IO[bytes], str], Any]
    #: Whether equal values have equal bytes, so that a hash of the bytes is a version of the value.
    stable: bool = True
    #: The same as functions to and from bytes, for formats that are made in memory anyway.
    encode: Callable[[Any], bytes] | None = None
    decode: Callable[[bytes], Any] | None = None


def type_name(value: Any) -> str:
    """Package and name of the value's type, without the modules in between ("pandas.DataFrame")."""
    cls = type(value)
    return f"{cls.__module__.partition('.')[0]}.{cls.__qualname__}"


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise MissingExtra(name.partition(".")[0]) from None


# -- tables --------------------------------------------------------------------------------------------------------


def _dump_parquet(value: Any, file: Sink) -> None:
    name = type_name(value)
    if name == "pandas.Series":
        value.to_frame(name="0" if value.name is None else value.name).to_parquet(file)
    elif name == "pandas.DataFrame":
        value.to_parquet(file)
    elif name == "polars.DataFrame":
        value.write_parquet(file)
    elif name == "polars.LazyFrame":
        value.collect().write_parquet(file)
    else:
        table = value if name == "pyarrow.Table" else _library("pyarrow").Table.from_batches([value])
        _library("pyarrow.parquet").write_table(table, file)


def _load_parquet(file: IO[bytes], name: str) -> Any:
    if name == "polars.DataFrame":
        return _library("polars").read_parquet(file)
    if name == "polars.LazyFrame":
        return _library("polars").read_parquet(file).lazy()
    if name == "pyarrow.Table":
        return _library("pyarrow.parquet").read_table(file)
    if name == "pyarrow.RecordBatch":
        batches = _library("pyarrow.parquet").read_table(file).combine_chunks().to_batches()
        return batches[0]
    frame = _library("pandas").read_parquet(file)
    if name == "pandas.Series":
        series = frame.iloc[:, 0]
        return series.rename(None) if series.name == "0" else series
    return frame


def _fits_parquet(value: Any, name: str) -> bool:
    """Whether reading the file back gives an equal table: pandas holds more than Parquet does."""
    if name == "pandas.Series":
        if value.name is not None and not isinstance(value.name, str):
            return False
        return _plain_dtypes([value.dtype], [value])
    if name == "pandas.DataFrame":
        columns = value.columns
        if columns.nlevels != 1 or not columns.is_unique or not all(type(c) is str for c in columns):
            return False
        return _plain_dtypes(value.dtypes, [value.iloc[:, i] for i in range(value.shape[1])])
    return True


def _plain_dtypes(dtypes: Any, columns: list[Any]) -> bool:
    for dtype, column in zip(dtypes, columns, strict=True):
        if str(dtype) == "object" and _library("pandas").api.types.infer_dtype(column, skipna=True) not in (
            "string",
            "empty",
            "bytes",
        ):
            return False
    return True


# -- arrays, plain data ----------------------------------------------------------------------------------------------


def _dump_npy(value: Any, file: Sink) -> None:
    _library("numpy").lib.format.write_array(file, value, allow_pickle=False)


def _load_npy(file: IO[bytes], name: str) -> Any:
    return _library("numpy").lib.format.read_array(file, allow_pickle=False)


_encode_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def _json_bytes(value: Any) -> bytes:
    return b"%d" % value if type(value) is int else _encode_json(value).encode()


def _json_value(data: bytes) -> Any:
    # Short runs of digits are most of what steps hand on in small jobs.
    return int(data) if len(data) < 16 and data.isdigit() else json.loads(data)


def _whole(decode: Callable[[bytes], Any]) -> Callable[[IO[bytes], str], Any]:
    return lambda file, name: decode(file.read())


def _written(encode: Callable[[Any], bytes]) -> Callable[[Any, Sink], None]:
    return lambda value, file: _write(file, encode(value))


def pickled(value: Any) -> bytes:
    """The value's pickle; what was defined in a notebook or a lambda is pickled by value."""
    try:
        data = pickle.dumps(value, protocol=5)
        if b"__main__" not in data:
            return data
    except (pickle.PicklingError, AttributeError, TypeError, RecursionError):
        pass
    try:
        by_value: bytes = import_module("cloudpickle").dumps(value, protocol=5)
    except (pickle.PicklingError, AttributeError, TypeError, ValueError, RecursionError) as error:
        raise ValueTypeError(
            f"A value of type {type(value).__module__}.{type(value).__qualname__} cannot be stored: {error}. Return "
            "data instead, or name an IO manager that can store it."
        ) from error
    return by_value


PARQUET = Format("parquet", ".parquet", _dump_parquet, _load_parquet)
NPY = Format("npy", ".npy", _dump_npy, _load_npy)
JSON = Format("json", ".json", _written(_json_bytes), _whole(_json_value), encode=_json_bytes, decode=_json_value)
TEXT = Format("text", ".txt", _written(str.encode), _whole(bytes.decode), encode=str.encode, decode=bytes.decode)
BYTES = Format("bytes", ".bin", _written(bytes), _whole(bytes), encode=bytes, decode=bytes)
PICKLE = Format(
    "pickle", ".pickle", _written(pickled), lambda file, name: pickle.loads(file.read()), stable=False, encode=pickled
)

FORMATS = {item.name: item for item in (PARQUET, NPY, JSON, TEXT, BYTES, PICKLE)}
BY_SUFFIX = {item.suffix: item for item in FORMATS.values()}

TABLES = frozenset(
    {
        "pandas.DataFrame",
        "pandas.Series",
        "polars.DataFrame",
        "polars.LazyFrame",
        "pyarrow.Table",
        "pyarrow.RecordBatch",
    }
)


def _write(file: Sink, data: bytes) -> None:
    file.write(data)


def format_of(value: Any) -> Format:
    """The format from which an equal value comes back."""
    cls = type(value)
    if cls is int:
        return JSON if value.bit_length() <= JSON_INT_BITS else PICKLE
    if cls is float or cls is bool or value is None:
        return JSON
    if cls is str:
        return TEXT if _is_encodable(value) else PICKLE
    if cls is list or cls is dict:
        return JSON if is_plain(value) else PICKLE
    if cls is bytes:
        return BYTES
    name = type_name(value)
    if name in TABLES:
        return PARQUET if _fits_parquet(value, name) else PICKLE
    if name == "numpy.ndarray" and not value.dtype.hasobject:
        return NPY
    return PICKLE


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_plain(value: Any) -> bool:
    """Whether JSON gives exactly this value back: only None, bool, int, float, str, list, and dict with str keys."""
    stack, seen = [value], 0
    while stack:
        item = stack.pop()
        cls = type(item)
        if cls is str or item is None or cls is bool:
            continue
        if cls is int:
            if item.bit_length() > JSON_INT_BITS:
                return False
        elif cls is float:
            if math.isnan(item):
                continue
        elif cls is list:
            seen += len(item)
            stack.extend(item)
        elif cls is dict:
            seen += len(item)
            if any(type(key) is not str for key in item):
                return False
            stack.extend(item.values())
        else:
            return False
        if seen > JSON_ITEM_LIMIT:
            return False
    return True
