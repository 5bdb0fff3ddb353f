"""How two stored values differ, in words that fit their type: schema, rows, distributions, numbers, text, images."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import unified_diff
from importlib import import_module
from io import BytesIO
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

#: Lines of a text difference that are kept.
_LINES = 40
#: Columns whose distributions are compared.
_COLUMNS = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: where in the value, what it was, what it is."""

    where: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.where}: {self.before} -> {self.after}" if self.where else f"{self.before} -> {self.after}"


def diff_values(before: Any, after: Any, tolerance: float = 0.0) -> list[Difference]:
    """Return how two values differ; numbers that differ by at most `tolerance` (relative) are equal."""
    if isinstance(before, pd.Series):
        before = before.to_frame()
    if isinstance(after, pd.Series):
        after = after.to_frame()
    if type(before) is not type(after) and not (_is_number(before) and _is_number(after)):
        return [Difference("type", type(before).__name__, type(after).__name__)]
    pictures = _pixels(before), _pixels(after)
    if pictures[0] is not None and pictures[1] is not None:
        return _images(pictures[0], pictures[1], tolerance)
    for kinds, compare in _COMPARE:
        if isinstance(before, kinds):
            return compare(before, after, tolerance)
    return [] if before == after else [Difference("value", _short(before), _short(after))]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def _close(before: Any, after: Any, tolerance: float) -> bool:
    if before == after or (before != before and after != after):
        return True
    return tolerance > 0 and math.isclose(float(before), float(after), rel_tol=tolerance, abs_tol=tolerance)


def _numbers(before: Any, after: Any, tolerance: float) -> list[Difference]:
    return [] if _close(before, after, tolerance) else [Difference("", before, after)]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


# -- data frames -----------------------------------------------------------------------------------------------


def _frames(before: pd.DataFrame, after: pd.DataFrame, tolerance: float) -> list[Difference]:
    found = _schemas(before, after)
    if len(before) != len(after):
        found.append(Difference("rows", len(before), len(after)))
    shared = [name for name in before.columns if name in after.columns][:_COLUMNS]
    for name in shared:
        found += _columns(f"column {name}", before[name], after[name], tolerance)
    return found


def _schemas(before: pd.DataFrame, after: pd.DataFrame) -> list[Difference]:
    found = []
    for name in before.columns:
        if name not in after.columns:
            found.append(Difference(f"column {name}", str(before[name].dtype), "removed"))
        elif before[name].dtype != after[name].dtype:
            found.append(Difference(f"column {name}, type", str(before[name].dtype), str(after[name].dtype)))
    found += [Difference(f"column {name}", "absent", str(after[name].dtype)) for name in after if name not in before]
    if list(before.columns) != list(after.columns) and set(before.columns) == set(after.columns):
        found.append(Difference("order of columns", list(before.columns), list(after.columns)))
    return found


def _columns(where: str, before: Any, after: Any, tolerance: float) -> list[Difference]:
    if len(before) == len(after):
        changed = _changed_cells(before.reset_index(drop=True), after.reset_index(drop=True), tolerance)
        if not changed:
            return []
        found = [Difference(f"{where}, changed rows", 0, changed)]
    elif before.equals(after):
        return []
    else:
        found = []
    return found + _distributions(where, before, after, tolerance)


def _changed_cells(before: Any, after: Any, tolerance: float) -> int:
    both_empty = before.isna() & after.isna()
    if pd.api.types.is_numeric_dtype(before) and pd.api.types.is_numeric_dtype(after):
        left, right = before.to_numpy(dtype=float, na_value=np.nan), after.to_numpy(dtype=float, na_value=np.nan)
        same = np.isclose(left, right, rtol=tolerance, atol=tolerance, equal_nan=True)
        return int((~same).sum())
    try:
        same = before.eq(after).fillna(False) | both_empty
    except (TypeError, ValueError):
        same = pd.Series([repr(a) == repr(b) for a, b in zip(before, after, strict=True)])
    return int((~same.astype(bool)).sum())


def _distributions(where: str, before: Any, after: Any, tolerance: float) -> list[Difference]:
    if pd.api.types.is_numeric_dtype(before) and pd.api.types.is_numeric_dtype(after):
        measures: Mapping[str, Callable[[Any], Any]] = {
            "empty": lambda s: int(s.isna().sum()),
            "mean": lambda s: float(s.mean()),
            "min": lambda s: float(s.min()),
            "max": lambda s: float(s.max()),
        }
    else:
        measures = {"empty": lambda s: int(s.isna().sum()), "distinct": lambda s: int(s.astype(str).nunique())}
    pairs = [(name, measure(before), measure(after)) for name, measure in measures.items()]
    return [Difference(f"{where}, {name}", a, b) for name, a, b in pairs if not _close(a, b, tolerance)]


# -- the rest --------------------------------------------------------------------------------------------------


def _arrays(before: Any, after: Any, tolerance: float) -> list[Difference]:
    if before.shape != after.shape:
        return [Difference("shape", before.shape, after.shape)]
    if before.dtype != after.dtype:
        return [Difference("type", str(before.dtype), str(after.dtype))]
    if not np.issubdtype(before.dtype, np.number):
        count = int((before != after).sum())
        return [Difference("changed elements", 0, count)] if count else []
    same = np.isclose(before, after, rtol=tolerance, atol=tolerance, equal_nan=True)
    if same.all():
        return []
    gap = float(np.nanmax(np.abs(before.astype(float) - after.astype(float))))
    return [Difference("changed elements", 0, int((~same).sum())), Difference("largest difference", 0, gap)]


def _pixels(value: Any) -> Any:
    """Return the pixels of a picture: a figure of matplotlib, an image of Pillow, or the bytes of an image file."""
    if isinstance(value, bytes) and value.startswith((b"\x89PNG", b"\xff\xd8\xff")):
        with suppress(ImportError, OSError):
            return np.asarray(import_module("PIL.Image").open(BytesIO(value)).convert("RGBA"))
    kinds = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(value).__mro__}
    if "PIL.Image" in kinds:
        return np.asarray(value.convert("RGBA"))
    if "matplotlib.Figure" in kinds:
        canvas = import_module("matplotlib.backends.backend_agg").FigureCanvasAgg(value)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())
    return None


def _images(before: Any, after: Any, tolerance: float) -> list[Difference]:
    """Return how two pictures differ: their size, else the share of pixels that are not the same."""
    sizes = [f"{pixels.shape[1]} x {pixels.shape[0]} pixels" for pixels in (before, after)]
    if before.shape != after.shape:
        return [Difference("size", *sizes)]
    share = float((before != after).any(axis=-1).mean())
    return [Difference("changed pixels", "0 %", f"{share:.2%}")] if share > tolerance else []


def _texts(before: str, after: str, tolerance: float) -> list[Difference]:
    if before == after:
        return []
    lines = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [Difference("", line[1:], "removed") if line.startswith("-") else Difference("", "added", line[1:])
            for line in islice((x for x in lines if not x.startswith(("---", "+++", "@@"))), _LINES)]  # fmt: skip


def _bytes(before: bytes, after: bytes, tolerance: float) -> list[Difference]:
    if before == after:
        return []
    return [
        Difference("bytes", len(before), len(after))
        if len(before) != len(after)
        else Difference("bytes", "", "changed")
    ]


def _mappings(before: Mapping[Any, Any], after: Mapping[Any, Any], tolerance: float) -> list[Difference]:
    found = [Difference(f"[{key!r}]", _short(value), "removed") for key, value in before.items() if key not in after]
    found += [Difference(f"[{key!r}]", "absent", _short(value)) for key, value in after.items() if key not in before]
    for key, value in before.items():
        if key in after:
            found += [_inside(f"[{key!r}]", one) for one in diff_values(value, after[key], tolerance)]
    return found


def _sequences(before: Sequence[Any], after: Sequence[Any], tolerance: float) -> list[Difference]:
    found = [Difference("length", len(before), len(after))] if len(before) != len(after) else []
    for at, (one, other) in enumerate(zip(before, after, strict=False)):
        found += [_inside(f"[{at}]", difference) for difference in diff_values(one, other, tolerance)]
        if len(found) >= _LINES:
            break
    return found


def _inside(where: str, difference: Difference) -> Difference:
    joined = f"{where}{difference.where}" if difference.where.startswith("[") else f"{where} {difference.where}".strip()
    return Difference(joined, difference.before, difference.after)


_COMPARE: tuple[tuple[Any, Callable[[Any, Any, float], list[Difference]]], ...] = (
    (pd.DataFrame, _frames),
    (np.ndarray, _arrays),
    (bool, lambda a, b, t: [] if a == b else [Difference("", a, b)]),
    ((int, float, np.number), _numbers),
    (str, _texts),
    (bytes, _bytes),
    (Mapping, _mappings),
    ((list, tuple), _sequences),
)
