"""The diagram agrees with the tables, and their references hold for stored rows."""

import asyncio
import re
from pathlib import Path

from socialsim.warehouse.schema.er import diagram, er_page
from socialsim.warehouse.schema.tables import EVENT_TABLES, metadata, references
from tests.kpi.kpis import computed
from tests.verification.stored import events_of, store
from tests.warehouse.warehouse_fixtures import WarehouseFixture

ROOT = Path(__file__).resolve().parents[2]
_LINE = re.compile(r'  \w+ (\|\||\|o)--(o\{|o\|) \w+ : "[^"]+"')
_COLUMN = re.compile(r'    \w+(\(\d+\))? \w+( (PK|FK|UK)(, (PK|FK|UK))*)?( "[^"]+")?')
_BOX = re.compile(r"  (\w+) \{")


def test_the_published_diagram_is_up_to_date() -> None:
    published = (ROOT / "docs" / "schema" / "er.md").read_text(encoding="utf-8")
    assert published == er_page(), "run: python -m socialsim.warehouse.schema.er"


def test_each_table_and_column_is_drawn_once() -> None:
    drawn: list[str] = []
    columns = 0
    for block in re.findall(r"```mermaid\nerDiagram\n(.*?)```", er_page(), re.DOTALL):
        for line in block.splitlines():
            if box := _BOX.fullmatch(line):
                drawn.append(box[1])
            elif _COLUMN.fullmatch(line):
                columns += 1
            else:
                assert line == "  }" or _LINE.fullmatch(line), line
    assert sorted(drawn) == sorted(metadata.tables)
    assert columns == sum(len(table.columns) for table in metadata.tables.values())


def test_the_lines_show_cardinality_and_condition() -> None:
    lines = diagram([EVENT_TABLES["friend_acceptance"], EVENT_TABLES["comment"]])
    assert '  friend_requests ||--o| friend_acceptances : "request_id"' in lines
    assert '  users ||--o{ friend_acceptances : "requester_id"' in lines
    assert '  users ||--o{ sessions : "user_id"' in diagram([EVENT_TABLES["session"]])
    assert """  videos |o--o{ comments : "content_id, content_kind = 'video'\"""" in lines
    assert "runs ||" not in lines


def test_every_acting_user_refers_to_a_user() -> None:
    for table in EVENT_TABLES.values():
        refers = [(each.table, each.column) for each in references(table.c.user_id)]
        assert refers == ([] if table.name == "users" else [("users", "user_id")])


def test_every_reference_has_its_row(sqlite_db: WarehouseFixture) -> None:
    for seed, run_id in enumerate(("r1", "r2")):  # with the same ids in both
        asyncio.run(store(sqlite_db, events_of(run_id, seed=seed)))
        assert computed(sqlite_db, run_id)
    looked = 0
    for table in metadata.tables.values():
        for column in table.columns:
            for to in references(column):
                key = f"p.run_key = c.run_key AND p.{to.column} = c.{column.name}"
                rows = f"FROM {table.name} c WHERE {to.where or '1 = 1'}"
                (found,) = sqlite_db.rows(f"SELECT COUNT(*) AS n, COUNT(DISTINCT {column.name}) AS d {rows}")
                lost = f"SELECT COUNT(*) AS n {rows} AND NOT EXISTS (SELECT 1 FROM {to.table} p WHERE {key})"
                assert sqlite_db.rows(lost) == [{"n": 0}], f"{table.name}.{column.name}"
                twice = f"SELECT 1 {rows} GROUP BY run_key, {column.name} HAVING COUNT(*) > 1"
                assert not (to.once and sqlite_db.rows(twice)), f"{table.name}.{column.name}"
                looked += found["n"] > 0
    assert looked > 25


def test_a_key_is_unique_within_its_run(sqlite_db: WarehouseFixture) -> None:
    asyncio.run(store(sqlite_db, events_of("r1")))
    for to in {to for table in metadata.tables.values() for column in table.columns for to in references(column)}:
        twice = f"SELECT 1 FROM {to.table} GROUP BY run_key, {to.column} HAVING COUNT(*) > 1"
        assert sqlite_db.rows(twice) == [], to
