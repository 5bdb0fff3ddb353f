"""THE parser of `%%asset NAME … options` and of its comment form `#| asset NAME … options`.

The magic, the static scan and tab completion all use it; a cell's header may go on over further `#| …` lines.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from .options import CELL_KINDS, Option, find_option, option_names
from .problem import CellMagicError

OptionValue = str | bool | int | float | tuple[str, ...] | Mapping[str, object]

_MAGIC = re.compile(r"%%(?P<kind>asset|op|check|sensor)(?=\s|$)(?P<rest>.*)$")
_COMMENT = re.compile(r"# ?\|\s*(?P<kind>asset|op|check|sensor)(?=\s|$)(?P<rest>.*)$")
_CONTINUED = re.compile(r"# ?\|(?P<rest>\s.*|)$")
_LINE = re.compile(r"^%(?P<kind>schedule|job)(?=\s|$)(?P<rest>.*)$")
_TOKEN = re.compile(r'(?:[^\s"\']+|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\')+')
_WORD = re.compile(r"\S+")
_QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"|\'((?:\\.|[^\'\\])*)\'')
_NAME = re.compile(r"^[^\W\d]\w*(?:/[\w-]+)*$")


class Token(NamedTuple):
    """One word of a header, with its place."""

    text: str
    line: int
    column: int
    quoted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A parsed header: the kind of definition, its names, its options by the decorator's argument names."""

    kind: str
    names: tuple[str, ...] = ()
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    form: Literal["magic", "comment", "line"] = "magic"
    #: lines of the cell before its body
    lines: int = 1

    @property
    def infer(self) -> bool:
        """False where ``--no-infer`` was given."""
        return self.options.get("infer") is not False

    def text(self, parameter: str) -> str | None:
        """A text option, or None."""
        value = self.options.get(parameter)
        return value if isinstance(value, str) else None

    def items(self, parameter: str) -> tuple[str, ...]:
        """A list option, empty where it was not given."""
        value = self.options.get(parameter)
        return value if isinstance(value, tuple) else ()

    def pairs(self, parameter: str) -> dict[str, str]:
        """A ``k=v`` option, empty where it was not given."""
        value = self.options.get(parameter)
        return {k: str(v) for k, v in value.items()} if isinstance(value, Mapping) else {}


def split_header(source: str) -> tuple[str, list[tuple[str, int, int]], int, Literal["magic", "comment"]] | None:
    """Kind, header texts with (line, column), number of header lines and form; None for a cell without a header."""
    stripped = source.lstrip()
    if not stripped.startswith(("%%", "#")):
        return None
    lead = source[: len(source) - len(stripped)]
    first = lead.count("\n")
    indent = len(lead) - lead.rfind("\n") - 1
    line = stripped.partition("\n")[0].rstrip()
    found = _MAGIC.match(line)
    form: Literal["magic", "comment"] = "magic"
    if found is None:
        found, form = _COMMENT.match(line), "comment"
        if found is None:
            return None
    texts = [(found["rest"], first + 1, indent + found.start("rest"))]
    count = first + 1
    if "|" not in stripped[len(line) :]:
        return found["kind"], texts, count, form
    lines = source.split("\n")
    while count < len(lines) and (more := _CONTINUED.match(lines[count])):
        texts.append((more["rest"], count + 1, more.start("rest")))
        count += 1
    return found["kind"], texts, count, form


def parse_cell(source: str, *, notebook: str = "", cell: int | None = None, cell_id: str = "") -> Header | None:
    """The header of a cell, or None for a plain cell; raises `CellMagicError` at the column of the mistake."""
    split = split_header(source)
    if split is None:
        return None
    kind, texts, count, form = split
    return _Parser(kind, texts, notebook, cell, cell_id).parse(form, count)


def parse_line(kind: str, line: str, *, notebook: str = "", cell: int | None = None) -> Header:
    """A header from the text behind the magic's name, as IPython hands it to a magic function."""
    if kind not in CELL_KINDS:
        return parse_declaration(f"%{kind} {line}", notebook=notebook, cell=cell)
    return _Parser(kind, [(line, 1, 0)], notebook, cell, "").parse("magic", 1)


def parse_declaration(line: str, *, notebook: str = "", cell: int | None = None, number: int = 1) -> Header:
    """A ``%schedule`` or ``%job`` line; `names` is (cron, selection) or (job name, selection)."""
    found = _LINE.match(line.strip())
    if found is None:
        raise CellMagicError("neither %schedule nor %job", notebook=notebook, cell=cell, line=number, source=line)
    kind = found["kind"]
    parser = _Parser(kind, [(found["rest"], number, found.start("rest"))], notebook, cell, "")
    header = parser.parse("line", 1)
    words = [word for word in header.names if word != "="] if kind == "job" else list(header.names)
    if kind == "schedule" and len(words) > 2 and _looks_like_cron(words[:5]):
        words = [" ".join(words[:5]), *words[5:]]
    if kind == "job" and words and "=" in words[0] and not words[0].startswith("="):
        first, _, rest = words[0].partition("=")
        words = [first, *([rest] if rest else []), *words[1:]]
    if len(words) < 2:
        example = '%schedule "0 6 * * *" daily_delays' if kind == "schedule" else "%job nightly = group:flights"
        raise parser.error("a name and a selection are needed", None, f"Write it as: {example}")
    return Header(kind=kind, names=(words[0], " ".join(words[1:])), options=header.options, form="line")


def _looks_like_cron(words: list[str]) -> bool:
    return len(words) == 5 and all(re.fullmatch(r"[\d*/,\-A-Za-z?L#]+", word) for word in words)


def tokenize(text: str, line: int = 1, column: int = 0) -> list[Token]:
    """Words with their places; quotes group, and may stand inside a word as in ``--check="x > 0"``."""
    tokens = []
    if '"' not in text and "'" not in text:
        return [Token(found.group(), line, column + found.start()) for found in _WORD.finditer(text)]
    for found in _TOKEN.finditer(text):
        word = found.group()
        quoted = word[0] in "\"'"
        plain = _QUOTED.sub(lambda m: _unescape(m.group(1) if m.group(1) is not None else m.group(2)), word)
        tokens.append(Token(plain, line, column + found.start(), quoted))
    return tokens


def _unescape(text: str) -> str:
    return re.sub(r"\\([\"'\\])", r"\1", text)


class _Parser:
    """One pass over the words of one header."""

    def __init__(
        self, kind: str, texts: list[tuple[str, int, int]], notebook: str, cell: int | None, cell_id: str
    ) -> None:
        self.kind = kind
        self.texts = texts
        self.notebook = notebook
        self.cell = cell
        self.cell_id = cell_id
        self.tokens = [token for text, line, column in texts for token in self._words(text, line, column)]
        self.options: dict[str, OptionValue] = {}

    def _words(self, text: str, line: int, column: int) -> list[Token]:
        rest = _TOKEN.sub("", text) if '"' in text or "'" in text else ""
        if "'" in rest or '"' in rest:
            at = column + max(text.rfind('"'), text.rfind("'"))
            raise self.error("a quote is not closed", Token("", line, at), "Close the quote on the same line.")
        return tokenize(text, line, column)

    def error(self, problem: str, token: Token | None, remedy: str) -> CellMagicError:
        """An error that points at the column of `token`."""
        line = token.line if token else self.texts[0][1]
        source = next(((t, c) for t, number, c in self.texts if number == line), (self.texts[0][0], 0))
        return CellMagicError(
            problem,
            notebook=self.notebook,
            cell=self.cell,
            cell_id=self.cell_id,
            line=line,
            column=token.column if token else None,
            source=" " * source[1] + source[0],
            remedy=remedy,
        )

    def parse(self, form: Literal["magic", "comment", "line"], count: int) -> Header:
        """The header; raises at the first mistake."""
        names: list[str] = []
        tokens = iter(self.tokens)
        for token in tokens:
            if token.text.startswith("--") and not token.quoted:
                self._option(token, tokens)
            elif token.text.startswith("-") and len(token.text) == 2 and self.kind in CELL_KINDS:
                raise self.error(f"unknown option {token.text}", token, f"Options have two dashes; see %%{self.kind}?")
            else:
                names.append(self._name(token))
        if len(set(names)) != len(names) and self.kind in CELL_KINDS:
            raise self.error("a name is given twice", self.tokens[0], "Name each asset once.")
        if len(names) > 1 and self.kind in ("op", "check", "sensor"):
            raise self.error(f"%%{self.kind} takes one name", self.tokens[0], "Put the options behind the name.")
        return Header(kind=self.kind, names=tuple(names), options=dict(self.options), form=form, lines=count)

    def _name(self, token: Token) -> str:
        if self.kind in CELL_KINDS and not _NAME.match(token.text):
            hint = f"Did you mean --{token.text}?" if find_option(self.kind, token.text) else ""
            if "=" in token.text and find_option(self.kind, token.text.split("=")[0]):
                hint = f"Did you mean --{token.text}?"
            raise self.error(
                f"{token.text!r} is no name",
                token,
                hint or "A name is a Python identifier, with a prefix if you like: raw/flights.",
            )
        return token.text

    def _option(self, token: Token, tokens: Iterator[Token]) -> None:
        name, equals, attached = token.text[2:].partition("=")
        option = find_option(self.kind, name)
        if option is None:
            near = difflib.get_close_matches(name.replace("_", "-"), option_names(self.kind), 1, 0.5)
            hint = f"Did you mean --{near[0]}?" if near else f"%%{self.kind}? lists the options."
            raise self.error(f"unknown option --{name}", token, hint)
        if not option.takes_value:
            if equals:
                raise self.error(f"--{name} takes no value", token, f"Write just --{name}.")
            self.options[option.parameter] = option.value
            return
        value_token = Token(attached, token.line, token.column + len(name) + 3) if equals else next(tokens, None)
        if value_token is None or (not equals and value_token.text.startswith("--") and not value_token.quoted):
            example = f", for example --{name} {option.example}" if option.example else ""
            raise self.error(f"--{name} needs a value", token, f"Give it one{example}.")
        self._store(option, self._convert(option, value_token), token)

    def _store(self, option: Option, value: OptionValue, token: Token) -> None:
        old = self.options.get(option.parameter)
        if option.name == "check":
            self.options["check"] = (*(old if isinstance(old, tuple) else ()), str(value))
        elif isinstance(value, tuple) and isinstance(old, tuple):
            self.options[option.parameter] = (*old, *value)
        elif isinstance(value, Mapping) and isinstance(old, Mapping):
            self.options[option.parameter] = {**old, **value}
        elif old is not None:
            raise self.error(f"--{option.name} is given twice", token, "Keep one of them.")
        else:
            self.options[option.parameter] = value

    def _convert(self, option: Option, token: Token) -> OptionValue:
        text = token.text
        if option.choices and text not in option.choices:
            near = difflib.get_close_matches(text, option.choices, 1, 0.3)
            raise self.error(
                f"--{option.name} is one of {', '.join(option.choices)}, not {text!r}",
                token,
                f"Did you mean {near[0]}?" if near else f"Choose one of {', '.join(option.choices)}.",
            )
        match option.kind:
            case "list":
                return tuple(part for part in (p.strip() for p in text.split(",")) if part)
            case "pairs":
                return self._pairs(option, token)
            case "json":
                try:
                    value: dict[str, object] = json.loads(text)
                except ValueError as error:
                    raise self.error(
                        f"--{option.name} is not JSON: {error}", token, f"E.g. '{option.example}'"
                    ) from None
                return value
            case "int" | "float":
                try:
                    return int(text) if option.kind == "int" else float(text)
                except ValueError:
                    raise self.error(f"--{option.name} is a number, not {text!r}", token, "Give a number.") from None
        return text

    def _pairs(self, option: Option, token: Token) -> dict[str, object]:
        pairs: dict[str, object] = {}
        for part in token.text.split(","):
            name, equals, value = part.partition("=")
            if not equals or not name.strip():
                example = option.example or "name=value"
                raise self.error(
                    f"--{option.name} takes name=value, not {part!r}", token, f"For example --{option.name} {example}."
                )
            pairs[name.strip()] = value.strip()
        return pairs


def complete(line: str, kind: str, names: tuple[str, ...] = ()) -> list[str]:
    """What may stand at the end of a half-written header (the text behind the magic's name)."""
    words = line.split()
    last = "" if not line or line[-1].isspace() else words[-1]
    before = words[:-1] if last else words
    if before and before[-1].startswith("--"):
        option = find_option(kind, before[-1][2:])
        if option is not None and option.takes_value:
            pool = option.choices or (names if option.parameter in ("deps", "ins", "asset", "target") else ())
            return [choice for choice in pool if choice.startswith(last)]
    given = {word for word in before if word.startswith("--")}
    flags = sorted({f"--{name}" for name in option_names(kind)} - given)
    if last.startswith("-"):
        return [flag for flag in flags if flag.startswith(last)]
    return [name for name in names if name.startswith(last)] + (flags if not last else [])
