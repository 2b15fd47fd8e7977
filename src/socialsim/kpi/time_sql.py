"""Functions on instants, exact to the microsecond, where SQL dialects differ. All other KPI SQL is
portable.

SQLite stores instants as text. Its own date functions round fractions to milliseconds, so they are
used on whole seconds only.
"""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Date, Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction


class micros_between(GenericFunction[int]):  # noqa: N801 - a function of SQL
    """Microseconds from the first instant to the second."""

    type = BigInteger()
    inherit_cache = True


class day_of(GenericFunction[Any]):  # noqa: N801
    """The UTC day of an instant."""

    type = Date()
    inherit_cache = True


class hour_of(GenericFunction[int]):  # noqa: N801
    """The hour of an instant, 0 to 23."""

    type = Integer()
    inherit_cache = True


def _arguments(element: GenericFunction[Any], compiler: SQLCompiler, **options: Any) -> list[str]:
    clauses: list[ColumnElement[Any]] = list(element.clauses)
    return [compiler.process(clause, **options) for clause in clauses]


@compiles(micros_between)
def _micros_between(element: micros_between, compiler: SQLCompiler, **options: Any) -> str:
    first, second = _arguments(element, compiler, **options)
    return f"TIMESTAMPDIFF(MICROSECOND, {first}, {second})"


@compiles(micros_between, "sqlite")
def _micros_between_sqlite(element: micros_between, compiler: SQLCompiler, **options: Any) -> str:
    first, second = _arguments(element, compiler, **options)
    return (
        f"((strftime('%s', substr({second}, 1, 19)) - strftime('%s', substr({first}, 1, 19))) * 1000000"
        f" + substr({second}, 21, 6) - substr({first}, 21, 6))"
    )


@compiles(day_of)
def _day_of(element: day_of, compiler: SQLCompiler, **options: Any) -> str:
    return f"DATE({', '.join(_arguments(element, compiler, **options))})"


@compiles(day_of, "sqlite")
def _day_of_sqlite(element: day_of, compiler: SQLCompiler, **options: Any) -> str:
    return f"substr({', '.join(_arguments(element, compiler, **options))}, 1, 10)"


@compiles(hour_of)
def _hour_of(element: hour_of, compiler: SQLCompiler, **options: Any) -> str:
    return f"HOUR({', '.join(_arguments(element, compiler, **options))})"


@compiles(hour_of, "sqlite")
def _hour_of_sqlite(element: hour_of, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST(substr({', '.join(_arguments(element, compiler, **options))}, 12, 2) AS INTEGER)"
