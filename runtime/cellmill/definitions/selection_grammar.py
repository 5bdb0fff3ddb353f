"""The two grammars of selection strings, read into small syntax trees.

Old (a clause each):   ``a``, ``*a``, ``++a``, ``a+``, ``+a*``, ``tag:team=data``, ``*``
New (one expression):  ``key:"a*" and not group:x``, ``1+key:x+2``, ``roots(owner:"me@x.io")``

This module knows text only; `selection.py` turns its trees into selections, and op selections use `parse_clause`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NoReturn

from cellmill.errors import InvalidAssetSelectionError

#: Fields of the new grammar; the ones in `KEYED_FIELDS` take ``name=value``.
FIELDS = (
    "key",
    "key_substring",
    "group",
    "tag",
    "owner",
    "kind",
    "code_location",
    "notebook",
    "status",
    "table",
    "table_name",
    "column",
    "column_tag",
    "changed_in_branch",
    "automation_type",
)
KEYED_FIELDS = frozenset({"tag", "column_tag"})
FUNCTIONS = ("roots", "sinks")
#: Depth of a traversal that has no end.
UNLIMITED = None

_TOKENS = re.compile(
    r"""(?P<space>\s+)
      | (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<null><null>)
      | (?P<punct>[()+:=])
      | (?P<word>[A-Za-z0-9_*/.@\-]+)""",
    re.VERBOSE,
)
_OLD_CLAUSE = re.compile(r"(?P<up>\*|\++)?(?P<item>[^*+\s,:\"()=]+)(?P<down>\*|\++)?\Z")


@dataclass(frozen=True, slots=True)
class Everything:
    """``*``: all assets."""


@dataclass(frozen=True, slots=True)
class Term:
    """``field:value``; `value` is None for ``<null>``, `name` is set for ``tag:name=value``."""

    field: str
    value: str | None
    name: str | None = None
    position: int = 0


@dataclass(frozen=True, slots=True)
class Traverse:
    """`child` with what is up to `up` steps above and `down` steps below; 0 is none, None is all."""

    child: Tree
    up: int | None
    down: int | None


@dataclass(frozen=True, slots=True)
class Negation:
    """``not child``."""

    child: Tree


@dataclass(frozen=True, slots=True)
class Junction:
    """``a and b and c`` or ``a or b or c``."""

    word: str
    children: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """``roots(child)`` or ``sinks(child)``."""

    name: str
    child: Tree


Tree = Everything | Term | Traverse | Negation | Junction | Function


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause of the old grammar: an item and how many steps above and below it (None is all)."""

    item: str
    up: int | None
    down: int | None


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int


def parse_clause(text: str) -> Clause | None:
    """Return `text` read as one clause of the old grammar, or None where it is not one."""
    match = _OLD_CLAUSE.match(text.strip())
    if match is None or match["item"].lower() in ("and", "or", "not"):
        return None
    return Clause(match["item"], _clause_depth(match["up"]), _clause_depth(match["down"]))


def _clause_depth(marks: str | None) -> int | None:
    if not marks:
        return 0
    return None if marks == "*" else len(marks)


def parse_expression(text: str) -> Tree:
    """Return the tree of an expression of the new grammar.

    Raises: InvalidAssetSelectionError, whose message points at the character.
    """
    return _Parser(text).parse()


def syntax_error(text: str, position: int, message: str) -> InvalidAssetSelectionError:
    """Return the error for `text`, with a mark under the character at `position`."""
    error = InvalidAssetSelectionError(f"Invalid selection string: {message}\n    {text}\n    {' ' * position}^")
    error.position = position
    return error


def nearest(name: str, names: Iterable[str]) -> str:
    """Return `` Did you mean …?`` for the entry of `names` closest to `name`, or nothing."""
    found = get_close_matches(name, list(names), n=1)
    return f" Did you mean {found[0]!r}?" if found else ""


def _tokens(text: str) -> list[_Token]:
    tokens, position = [], 0
    while position < len(text):
        match = _TOKENS.match(text, position)
        if match is None:
            what = "a string that is not closed" if text[position] == '"' else f"unexpected {text[position]!r}"
            raise syntax_error(text, position, f'{what}; values with such characters stand in "double quotes".')
        if match.lastgroup != "space":
            tokens.append(_Token(match.lastgroup or "", match.group(), position))
        position = match.end()
    tokens.append(_Token("end", "", len(text)))
    return tokens


class _Parser:
    """Recursive descent over: or < and < not < traversal < term."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.at = 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def parse(self) -> Tree:
        tree = self.junction("or")
        if self.token.kind != "end":
            self.fail(f"expected 'and', 'or' or the end, found {self.token.text!r}.")
        return tree

    def junction(self, word: str) -> Tree:
        children = [self.operand(word)]
        while self.is_word(word):
            self.at += 1
            children.append(self.operand(word))
        return children[0] if len(children) == 1 else Junction(word, tuple(children))

    def operand(self, word: str) -> Tree:
        return self.junction("and") if word == "or" else self.negation()

    def negation(self) -> Tree:
        if self.is_word("not"):
            self.at += 1
            return Negation(self.negation())
        return self.traversal()

    def traversal(self) -> Tree:
        up = self.depth_before()
        child = self.atom()
        down = self.depth_after()
        return child if up == 0 and down == 0 else Traverse(child, up, down)

    def depth_before(self) -> int | None:
        if self.accept("+"):
            return UNLIMITED
        follows = self.tokens[self.at + 1] if self.token.kind == "word" else None
        if follows is not None and follows.text == "+" and self.token.text.isdecimal():
            depth = int(self.token.text)
            self.at += 2
            return depth
        return 0

    def depth_after(self) -> int | None:
        if not self.accept("+"):
            return 0
        if self.token.kind == "word" and self.token.text.isdecimal():
            depth = int(self.token.text)
            self.at += 1
            return depth
        return UNLIMITED

    def atom(self) -> Tree:
        token = self.token
        if self.accept("("):
            child = self.junction("or")
            self.expect(")")
            return child
        if token.kind == "word" and token.text == "*":
            self.at += 1
            return Everything()
        if token.kind != "word" or token.text.lower() in ("and", "or", "not"):
            found = repr(token.text) if token.text else "the end"
            self.fail(f'expected a term such as key:"name", found {found}.')
        self.at += 1
        if self.accept("("):
            return self.function(token)
        if not self.accept(":"):
            self.fail(f'a name alone cannot stand here; write key:"{token.text}".', token)
        return self.term(token)

    def function(self, token: _Token) -> Tree:
        name = token.text.lower()
        if name not in FUNCTIONS:
            self.fail(f"unknown function {token.text!r}.{nearest(name, FUNCTIONS)}", token)
        if self.accept(")"):
            return Function(name, Everything())
        child = self.junction("or")
        self.expect(")")
        return Function(name, child)

    def term(self, token: _Token) -> Tree:
        field = token.text.lower()
        if field not in FIELDS:
            self.fail(f"unknown field {token.text!r}.{nearest(field, FIELDS)}", token)
        value = self.value()
        if field not in KEYED_FIELDS:
            return Term(field, value, position=token.start)
        if not self.accept("="):
            return Term(field, "", value or "", token.start)
        empty = self.token.kind not in ("word", "string", "null")
        return Term(field, "" if empty else self.value(), value or "", token.start)

    def value(self) -> str | None:
        token = self.token
        if token.kind == "null":
            self.at += 1
            return None
        if token.kind == "string":
            self.at += 1
            return re.sub(r"\\(.)", r"\1", token.text[1:-1])
        if token.kind != "word" or token.text == "*":
            self.fail('expected a value: letters, digits, _ / - . @ and *, or a "quoted string".')
        self.at += 1
        return token.text

    def is_word(self, word: str) -> bool:
        return self.token.kind == "word" and self.token.text.lower() == word

    def accept(self, punctuation: str) -> bool:
        if self.token.kind == "punct" and self.token.text == punctuation:
            self.at += 1
            return True
        return False

    def expect(self, punctuation: str) -> None:
        if not self.accept(punctuation):
            found = repr(self.token.text) if self.token.text else "the end"
            self.fail(f"expected {punctuation!r}, found {found}.")

    def fail(self, message: str, token: _Token | None = None) -> NoReturn:
        raise syntax_error(self.text, (token or self.token).start, message)
