"""Each query of ``docs/queries.md`` runs on each engine that it is said to run on, and answers as
the page says.
"""

import asyncio
import math
import re
import secrets
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest
from msgspec import structs

from compose.native import MySQLServer
from socialsim.events import Event
from socialsim.simulation.iterate import simulate
from socialsim.warehouse.schema.migrate import migrate
from tests.export.exports import exported
from tests.kpi.kpis import computed
from tests.support.services import database_of
from tests.verification.stored import SCENARIO, store
from tests.warehouse.warehouse_fixtures import WarehouseFixture

PAGE = Path(__file__).resolve().parents[2] / "docs" / "queries.md"
ENGINES = ("MySQL", "MariaDB", "SQLite", "DuckDB")
#: Those that make a whole page; fewer mean that the page is not understood.
QUERIES_MIN = 20

_PARTS = re.compile(
    r"^### (?P<title>[^\n]+)$|^\*(?P<engines>[\w, ]+)\*$|^```sql\n(?P<sql>.*?)^```$|^Columns: (?P<columns>[^\n]+)$",
    re.MULTILINE | re.DOTALL,
)


class Query(NamedTuple):
    title: str
    engines: tuple[str, ...]
    sql: str
    columns: tuple[str, ...]


def queries(page: str) -> list[Query]:
    """Each text of a query; a title may have several for different engines."""
    found: list[Query] = []
    texts: list[tuple[tuple[str, ...], str]] = []
    title = ""
    engines: tuple[str, ...] = ()
    for part in _PARTS.finditer(page):
        if part["title"]:
            assert not texts, f"{title} does not say its columns"
            title = part["title"]
        elif part["engines"]:
            engines = tuple(part["engines"].split(", "))
            assert set(engines) <= set(ENGINES), f"{title}: {engines}"
        elif part["sql"]:
            assert engines, f"{title} does not say on what it runs"
            texts.append((engines, part["sql"]))
            engines = ()
        else:
            columns = tuple(re.findall(r"`(\w+)`", part["columns"]))
            found += [Query(title, *text, columns) for text in texts]
            texts = []
    assert not texts, f"{title} does not say its columns"
    return found


QUERIES = queries(PAGE.read_text(encoding="utf-8"))


@cache
def run() -> list[Event]:
    """Nine days, of which a week is closed. The last ones to join have not posted yet."""
    return list(simulate(structs.replace(SCENARIO, days=9), "r1"))


def filled(db: WarehouseFixture) -> WarehouseFixture:
    migrate(db.url, db.password)
    asyncio.run(store(db, run()))
    assert computed(db, "r1")
    assert db.rows("SELECT run_key FROM runs") == [{"run_key": 1}]
    return db


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> WarehouseFixture:
    return filled(WarehouseFixture(f"sqlite:///{tmp_path_factory.mktemp('queries')}/w.sqlite", None))


@pytest.fixture(scope="module")
def mysql_filled(mysql: MySQLServer) -> Iterator[tuple[str, WarehouseFixture]]:
    with database_of(mysql, f"queries_{secrets.token_hex(6)}") as database:
        db = filled(WarehouseFixture(database.url, database.password))
        (version,) = db.rows("SELECT VERSION() AS version")
        yield "MariaDB" if "MariaDB" in version["version"] else "MySQL", db


def answers(found: Sequence[Query], db: WarehouseFixture) -> None:
    """Fails, naming all that do, if a query gives no row or other columns."""
    wrong = []
    for query in found:
        try:
            rows = db.rows(query.sql.replace(":", r"\:"))
        except Exception as error:  # noqa: BLE001 - named below, whatever it is
            wrong.append(f"{query.title}: {error}")
            continue
        if not rows:
            wrong.append(f"{query.title}: no row")
        elif tuple(rows[0]) != query.columns:
            wrong.append(f"{query.title}: {tuple(rows[0])}, the page says {query.columns}")
    assert not wrong, "\n".join(wrong)


def test_queries_run_on_sqlite(sqlite: WarehouseFixture) -> None:
    found = [query for query in QUERIES if "SQLite" in query.engines]
    assert len(found) >= QUERIES_MIN
    answers(found, sqlite)


def test_queries_run_on_mysql_and_mariadb(mysql_filled: tuple[str, WarehouseFixture]) -> None:
    engine, db = mysql_filled
    found = [query for query in QUERIES if engine in query.engines]
    assert len(found) >= QUERIES_MIN
    answers(found, db)


def test_queries_run_on_exported_files(
    sqlite: WarehouseFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(sqlite, "r1", tmp_path / "socialsim-export", "parquet")
    monkeypatch.chdir(tmp_path)
    found = [query for query in QUERIES if "DuckDB" in query.engines]
    assert found
    for query in found:
        answer = duckdb.sql(query.sql)
        assert answer is not None
        assert tuple(answer.columns) == query.columns
        assert answer.fetchall(), query.title


def test_engines_agree(sqlite: WarehouseFixture, mysql_filled: tuple[str, WarehouseFixture]) -> None:
    """Also where the texts differ: numbers as numbers, whatever type an engine gives them."""
    engine, db = mysql_filled
    other_of = {query.title: query for query in QUERIES if engine in query.engines}
    for query in (query for query in QUERIES if "SQLite" in query.engines):
        one = [list(row.values()) for row in sqlite.rows(query.sql)]
        other = [list(row.values()) for row in db.rows(other_of[query.title].sql)]
        assert len(one) == len(other), query.title
        for left, right in zip(one, other, strict=True):
            assert all(map(is_same, left, right)), f"{query.title}: {left}, on {engine} {right}"


def is_same(one: object, other: object) -> bool:
    try:
        return math.isclose(float(str(one)), float(str(other)), rel_tol=1e-6)
    except ValueError:
        return str(one) == str(other)


def test_every_query_says_on_what_it_runs_and_what_it_gives() -> None:
    assert len({query.title for query in QUERIES}) >= QUERIES_MIN
    assert PAGE.read_text(encoding="utf-8").count("```sql") == len(QUERIES)
    for title in {query.title for query in QUERIES}:
        engines = [engine for query in QUERIES if query.title == title for engine in query.engines]
        assert sorted(engines) in (["DuckDB"], ["MariaDB", "MySQL", "SQLite"]), title


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("### A\n\n```sql\nSELECT 1\n```\n\nColumns: `a`\n", "A does not say on what it runs"),
        ("### A\n\n*SQLite*\n\n```sql\nSELECT 1\n```\n\n### B\n", "A does not say its columns"),
        ("### A\n\n*SQLite*\n\n```sql\nSELECT 1\n```\n", "A does not say its columns"),
        ("### A\n\n*Oracle*\n\n```sql\nSELECT 1\n```\n\nColumns: `a`\n", "Oracle"),
    ],
)
def test_a_page_that_does_not_is_refused(page: str, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        queries(page)


def test_a_query_that_answers_otherwise_is_found(sqlite: WarehouseFixture) -> None:
    for sql, columns in (("SELECT 1 AS a", ("b",)), ("SELECT 1 AS a WHERE 1 = 0", ("a",)), ("SELECT nothing", ("a",))):
        with pytest.raises(AssertionError, match="sample: "):
            answers([Query("sample", ("SQLite",), sql, columns)], sqlite)
