"""No SQL is made of input: every text that is put into a statement is one of our own names, or a
literal made safe.
"""

import ast
import re
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "socialsim"
MIGRATIONS = Path(__file__).parents[2] / "migrations"
_SQL = re.compile(
    r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER|DROP|GRANT|REVOKE|TRUNCATE|REPLACE|SET SESSION|KILL|PRAGMA|"
    r"START TRANSACTION|LOAD DATA|SHOW|WITH)\b[^a-z]"
)
#: Where statements may be put together, and of what: names of tables and columns out of our own
#: definitions, literals whose makers are tested against every text (see
#: warehouse/mysql/literals.py), numbers by a format that takes no other.
ALLOWED = {
    "warehouse/mysql/literals.py": {"','.join(columns(name))"},
    "warehouse/mysql/statements.py": {
        "names",  # of columns
        "run_key",  # a number that the server gave
        "first",  # of small tables of moves or keys: literals, and numbers by :d
        "row",
        "union",
        "rows",  # literals of keys
        "' LOCK IN SHARE MODE' if lock else ''",
        "new",  # from here on literals, and numbers by :d
        "log_id",
        "group",
        "topic",
        "key.partition",
    },
    # Names are matched against patterns before.
    "warehouse/mysql/grants.py": {
        "privileges",
        "database",
        "table",
        "user",
        "host",
        "', '.join((column.name for column in table.columns if column is not table.c.raw))",
    },
    "warehouse/sqlite/warehouse.py": {"64 * 1024 * 1024 // SQLITE_PAGE_BYTES"},
    "warehouse/schema/views.py": {"security", "name", "VIEWS[name]"},
    "versions/0002_kpis.py": {"security", "columns"},
    "versions/0003_sessions.py": {"security", "columns"},
}
#: Calls that make a literal that cannot be broken out of.
SAFE_CALLS = {"text_literal", "tuple_literal", "bytes_literal", "_select_move"}


def statements(path: Path) -> list[tuple[int, list[ast.expr]]]:
    """Line and interpolated expressions of each f-string in ``path`` that begins as SQL does."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr) and node.values:
            parts = [part.value if isinstance(part, ast.Constant) else "X" for part in node.values]
            if _SQL.match("".join(map(str, parts))):
                values = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
                found.append((node.lineno, values))
    return found


def is_ours(place: str, value: ast.expr) -> bool:
    text = ast.unparse(value)
    if isinstance(value, ast.Name) and value.id.lstrip("_").isupper():
        return True  # a constant of the module
    calls = {node.func.id for node in ast.walk(value) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
    return bool((calls | names) & SAFE_CALLS) or text in ALLOWED.get(place, set()) or text in OURS


#: Expressions over our own definitions, wherever they stand.
OURS = {
    "table",
    "marks",
    "', '.join(names)",
    "PLURALS[name]",
    "', '.join(CONTENT_COLUMNS[name])",
}


def test_statements_are_made_of_our_own_names_and_of_literals() -> None:
    places = [*SOURCE.rglob("*.py"), *MIGRATIONS.rglob("*.py")]
    checked = 0
    offending = []
    for path in places:
        place = str(path.relative_to(SOURCE if path.is_relative_to(SOURCE) else MIGRATIONS))
        for line, values in statements(path):
            checked += 1
            offending += [f"{place}:{line}: {ast.unparse(value)}" for value in values if not is_ours(place, value)]
    assert checked > 10
    assert offending == []


def test_no_statement_is_made_by_percent_format_or_plus() -> None:
    offending = []
    for path in [*SOURCE.rglob("*.py"), *MIGRATIONS.rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.expr):
                continue
            text = None
            if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mod, ast.Add)):
                text = node.left.value if isinstance(node.left, ast.Constant) else None
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
                text = node.func.value.value if isinstance(node.func.value, ast.Constant) else None
            if isinstance(text, bytes):
                text = text.decode(errors="replace")
            if (
                isinstance(text, str) and _SQL.match(text + " ") and text != "KILL CONNECTION %d"
            ):  # %d takes numbers only
                offending.append(f"{path.name}:{node.lineno}: {text}")
    assert offending == []


def test_the_check_sees_what_it_is_for(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text("def f(name):\n    return f'SELECT * FROM users WHERE name = {name}'\n")
    ((line, values),) = statements(path)
    assert line == 2
    assert not is_ours("bad.py", values[0])
