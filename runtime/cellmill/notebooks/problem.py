"""Errors about a notebook: each names the notebook, the cell, the line and the remedy."""

from __future__ import annotations

from cellmill.errors import DefinitionError


class NotebookError(DefinitionError):
    """A notebook cannot be used as it stands; correct the place that the message names."""

    def __init__(
        self,
        problem: str,
        *,
        notebook: str = "",
        cell: int | None = None,
        cell_id: str = "",
        line: int | None = None,
        column: int | None = None,
        remedy: str = "",
        source: str = "",
    ) -> None:
        self.problem = problem
        self.notebook = notebook
        self.cell = cell
        self.cell_id = cell_id
        self.line = line
        self.column = column
        self.remedy = remedy
        self.source = source
        super().__init__(self.render())

    def place(self) -> str:
        """The place in words: ``flights.ipynb, cell 3, line 2``."""
        parts = [self.notebook or "notebook"]
        if self.cell is not None:
            parts.append(f"cell {self.cell + 1}")
        if self.line is not None:
            parts.append(f"line {self.line}")
        return ", ".join(parts)

    def render(self) -> str:
        """The whole message: place, problem, the line with a caret, remedy."""
        text = f"{self.place()}: {self.problem}"
        if self.source:
            text += f"\n    {self.source}"
            if self.column is not None:
                text += f"\n    {' ' * self.column}^"
        if self.remedy:
            text += f"\n{self.remedy}"
        return text

    def __reduce__(self) -> tuple[object, ...]:
        state = {k: v for k, v in self.__dict__.items() if k != "problem"}
        return _rebuild, (type(self), self.problem, state)


def _rebuild(kind: type[NotebookError], problem: str, state: dict[str, object]) -> NotebookError:
    error = kind.__new__(kind)
    error.__dict__.update(state, problem=problem)
    Exception.__init__(error, error.render())
    return error


class NotebookFormatError(NotebookError):
    """A file is not a notebook that can be read; open it in JupyterLab and save it again."""


class CellSyntaxError(NotebookError):
    """A cell is not valid Python; correct the line that the message names."""


class CellMagicError(NotebookError):
    """A `%%asset`-like line is not valid; correct the option that the message names."""


class NameLinkError(NotebookError):
    """A name that a cell reads cannot be linked to one definition; rename or move a cell."""


class AssetCycleError(NotebookError):
    """Assets need each other in a circle; break the circle at one of the names that the message lists."""


class DuplicateAssetError(NotebookError):
    """Two cells make an asset of one name; rename one of them."""
