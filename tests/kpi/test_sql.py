"""docs/kpi-sql.md shows the statements that are executed, all of them, and they run as they stand
there.
"""

import re
from datetime import date
from pathlib import Path

from sqlalchemy import CompoundSelect, Select, text

from socialsim.kpi import queries
from socialsim.kpi import sql_docs as sql
from socialsim.kpi.parameters import values_of
from socialsim.warehouse.schema.views import WIDE_METRICS
from tests.kpi.kpis import computed, edges, engine_of, key_of, true_figures
from tests.verification.stored import store
from tests.warehouse.warehouse_fixtures import WarehouseFixture

DOCS = Path(__file__).parents[2] / "docs"
SHOWN = (DOCS / "kpi-sql.md").read_text(encoding="utf-8")
GLOSSARY = (DOCS / "kpis.md").read_text(encoding="utf-8")
EVENTS = edges("edges")
SHOWN_METRICS = {metric for section in sql.SECTIONS for metric in section.metrics}


def test_what_is_shown_is_what_is_executed() -> None:
    assert sql.document() == SHOWN, "regenerate it: python -m socialsim.kpi.sql_docs"


def test_every_statement_is_shown() -> None:
    statements = [
        each
        for name, value in vars(queries).items()
        if name.isupper() and not name.startswith("_")
        for each in (value.values() if isinstance(value, dict) else [value])
        if isinstance(each, (Select, CompoundSelect))
    ]
    assert len(statements) > 10
    shown = {id(statement) for section in sql.SECTIONS for statement in section.statements}
    assert {id(statement) for statement in statements} == shown


def test_every_figure_has_its_sql_and_its_place_in_the_glossary() -> None:
    stored = {row.metric for row in true_figures(EVENTS)[0]} | {*WIDE_METRICS, "cohort_weekly"}
    assert stored == SHOWN_METRICS
    for metric in SHOWN_METRICS:
        named = re.sub(r"^((?:retention|acceptance_latency)_).*", r"\1", metric)
        assert f"`{named}" in GLOSSARY, metric


async def test_what_is_shown_runs_as_it_stands(mysql_db: WarehouseFixture) -> None:
    await store(mysql_db, list(EVENTS))
    computed(mysql_db, "edges")
    shown = re.findall(r"```sql\n(.*?);\n```", SHOWN, re.DOTALL)
    with engine_of(mysql_db) as engine, engine.connect() as connection:
        values = values_of(key_of(connection, "edges"), date(2026, 1, 8))
        found = 0
        for section in sql.SECTIONS:
            for statement in section.statements:
                (block,) = {block for block in shown if block == sql.text_of(statement)}
                rows = sorted(map(tuple, connection.execute(text(block), values)), key=repr)
                assert rows == sorted(map(tuple, connection.execute(statement, values)), key=repr)
                found += bool(rows)
        assert found > 12
        for block in shown:
            if not block.startswith(("SELECT", "(")):
                connection.execute(text(block), values)
        connection.rollback()
