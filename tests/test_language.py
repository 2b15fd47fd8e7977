"""The house's words: terms that were replaced stay replaced, and one name has one meaning."""

import ast
import io
import re
import subprocess
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "socialsim"
PROSE_COLUMNS = 100

#: What is not written, as a regular expression, and what is written instead.
BANNED: dict[str, str] = {
    r"\b(he|him|his|himself)\b": "they, them, their, or the noun; a role of a database is 'it'",
    r"\bfor so long\b": "a number with its unit, or 'for that long'",
    r"\bso many of\b": "the number",
    r"\bhold(s|ing)? against\b|\bheld against\b": "compare with, reconcile with",
    r"\bcomes? to (its|their) end\b": "end, finish",
    r"\btold apart\b|\btell apart\b": "distinguish",
    r"\bbefalls?\b": "happens to",
    r"\bbut for\b": "except for",
    r"\bsave that\b": "except that",
    r"\bgo(es|ing)? on with\b|\bgone on with\b": "resume, continue",
    r"\bearlier life\b|\bnext life\b|\blater life\b": "previous attempt, next attempt",
    r"\bwhoever\b": "name the subject",
    r"(?<![\w.])Who (finds|is|has|does|sleeps|asks|was|wants|comes)\b": "Users who ..., Processes that ...",
    r"\bon sand\b": "on dirty days",
    r"\bof (its|their) own accord\b": "automatically",
    r"\bnobody asks for\b": "unused",
    r"\bkey figures?\b": "KPI, KPIs",
    r"\bthe books\b": "manifests, control totals",
}
#: Files whose words are not ours: the texts that simulated people write, and what quotes them.
FREE = ("src/socialsim/domain/population/texts/", "docs/schema/", "tests/test_language.py", "LICENSE")


def tracked(*patterns: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines() if not name.startswith(FREE) and (ROOT / name).is_file()]


def prose_of(name: str) -> Iterator[tuple[int, str]]:
    """Line numbers and text of a file's prose: of Python its comments, docstrings and other
    strings.
    """
    text = (ROOT / name).read_text(encoding="utf-8")
    yield from enumerate(text.splitlines(), start=1)


def banned_lines(names: list[str]) -> list[str]:
    patterns = [(re.compile(pattern), instead) for pattern, instead in BANNED.items()]
    return [
        f"{name}:{number}: {line.strip()[:80]!r}: write {instead}"
        for name in names
        for number, line in prose_of(name)
        for pattern, instead in patterns
        if pattern.search(line)
    ]


def public_classes(sources: dict[str, str]) -> dict[str, list[str]]:
    """By name of a public class the modules that define it."""
    found: dict[str, list[str]] = defaultdict(list)
    for place, source in sources.items():
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(place)
    return found


def test_banned_words_are_not_written() -> None:
    found = banned_lines(tracked("*.py", "*.md", "Makefile", "*.yml", "*.toml"))
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("line", ["he signs up", "for so long", "Who finds nothing to do looks on", "the key figures"])
def test_a_banned_word_is_found(line: str) -> None:
    assert any(re.search(pattern, line) for pattern in BANNED)


def test_one_class_name_has_one_meaning() -> None:
    sources = {path.relative_to(SOURCE).as_posix(): path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py")}
    doubled = {name: places for name, places in public_classes(sources).items() if len(places) > 1}
    assert not doubled


def test_a_class_that_is_defined_twice_is_named() -> None:
    sources = {"a.py": "class Report: ...\nclass _Own: ...", "b.py": "class Report: ...\nclass _Own: ..."}
    assert public_classes(sources)["Report"] == ["a.py", "b.py"]
    assert "_Own" not in public_classes(sources)


def long_lines(names: list[str]) -> list[str]:
    """Lines of prose that are too wide; tables, code blocks, links and images are not prose."""
    found = []
    for name in names:
        fenced = False
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), start=1):
            if line.lstrip().startswith("```"):
                fenced = not fenced
            if not fenced and len(line) > PROSE_COLUMNS and not line.startswith("|") and "](" not in line:
                found.append(f"{name}:{number}: {len(line)} columns")
    return found


def test_prose_ends_at_100_columns() -> None:
    found = long_lines(tracked("*.md", "docs/*.md"))
    assert not found, "\n" + "\n".join(found)


def documented_lines(source: str) -> set[int]:
    """The numbers of the lines that hold a docstring or a comment for readers, not one for a tool."""
    numbers = {
        token.start[0]
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and not re.match(r"# (noqa|type: ignore|pragma)", token.string)
    }
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
                numbers |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return numbers


def long_comments(source: str) -> list[int]:
    """Line numbers of docstrings and comments that are too wide; the closing quotes are not prose."""
    lines = source.splitlines()
    return [n for n in sorted(documented_lines(source)) if len(lines[n - 1].removesuffix('"""')) > PROSE_COLUMNS]


def test_docstrings_and_comments_end_at_100_columns() -> None:
    found = [
        f"{name}:{number}"
        for name in tracked("*.py")
        for number in long_comments((ROOT / name).read_text(encoding="utf-8"))
    ]
    assert not found, "\n" + "\n".join(found)


def test_a_wide_comment_is_found() -> None:
    wide = "x" * PROSE_COLUMNS
    assert long_comments(f'"""{wide}"""\nx = 1  # {wide}\ny = "{wide}"\nz = "{wide}"  # noqa: E501\n') == [1, 2]
