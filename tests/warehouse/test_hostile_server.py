"""Servers with unusual defaults: our SQL means the same there, or the setting is reported."""

import re
import secrets
import textwrap
from pathlib import Path

import pymysql
import pytest

from compose.native import Database, MySQLServer
from socialsim.bootstrap.migration import migrate as migrate_with_users
from socialsim.errors import InputError, SchemaOutdatedError, TerminalError
from socialsim.settings import Settings
from socialsim.warehouse.mysql.settings import PACKET_BYTES_MIN, SQL_MODE, obstacles
from socialsim.warehouse.schema.migrate import migrate
from socialsim.warehouse.schema.revision import current_revision
from tests.docs.test_queries import QUERIES, answers, filled, is_same
from tests.support.services import MySQLFactory, database_of
from tests.warehouse.warehouse_fixtures import WarehouseFixture

MODES = "ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,HIGH_NOT_PRECEDENCE,IGNORE_SPACE,ONLY_FULL_GROUP_BY"
HOSTILE = {
    "sql-mode": MODES,
    "character-set-server": "latin1",
    "collation-server": "latin1_german2_ci",
    "default-time-zone": "+05:30",
    "default-storage-engine": "MyISAM",
    "div-precision-increment": "0",
    "transaction-isolation": "SERIALIZABLE",
}
SUPERSET = Path(__file__).resolve().parents[2] / "compose/superset/assets"
ODD_PASSWORD = 'it\'s \\_ a "pass`word" #'


@pytest.mark.slow
@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_our_sql_means_the_same_on_a_server_with_hostile_defaults(
    mysql_factory: MySQLFactory, flavour: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server: MySQLServer = mysql_factory(flavour=flavour, options=HOSTILE)
    with server.root_cursor() as cursor:
        cursor.execute("SET GLOBAL sql_select_limit = 3")
        cursor.execute("SELECT @@sql_mode")
        assert "NO_BACKSLASH_ESCAPES" in str(cursor.fetchone())

    with monkeypatch.context() as patch:
        patch.setattr(secrets, "token_urlsafe", lambda _: ODD_PASSWORD)
        users = server.create_users("odd_name_1")
    environment = Settings(users.as_environment())
    assert migrate_with_users(users.writer.url, environment)
    assert current_revision(users.writer.url, users.reader_password)

    with database_of(server, "t_hostile") as database:
        db = filled(WarehouseFixture(database.url, database.password))
        engines = {
            row["e"]
            for row in db.rows(
                "SELECT ENGINE AS e FROM information_schema.tables WHERE "
                "TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'"
            )
        }
        assert engines == {"InnoDB"}
        engine = "MariaDB" if flavour == "mariadb" else "MySQL"
        theirs = [query for query in QUERIES if engine in query.engines]
        answers(theirs, db)
        # Users run these queries in their own client, which pins nothing.
        sqlite = filled(WarehouseFixture(f"sqlite:///{tmp_path}/w.sqlite", None))
        ours = {query.title: query.sql for query in QUERIES if "SQLite" in query.engines}
        for modes in (MODES, MODES.replace(",ONLY_FULL_GROUP_BY", ""), "ANSI", "TRADITIONAL", ""):
            with server.root_cursor("t_hostile") as cursor:
                cursor.execute("SET SESSION sql_mode = %s, sql_select_limit = DEFAULT", (modes,))
                cursor.execute("SET SESSION sql_select_limit = 1000000")
                for query in theirs:
                    cursor.execute(query.sql)
                    rows = cursor.fetchall()
                    expected = [list(row.values()) for row in sqlite.rows(ours[query.title])]
                    assert len(rows) == len(expected), (modes, query.title)
                    for left, right in zip(rows, expected, strict=True):
                        assert all(map(is_same, left, right)), (modes, query.title, left, right)
        superset_means_the_same(server, "t_hostile")


def superset_means_the_same(server: MySQLServer, database: str) -> None:
    """Superset pins its sessions by a driver option; the query of each of its data sets runs."""
    written = (SUPERSET / "databases/socialsim.yaml").read_text()
    (init_command,) = re.findall(r"^      init_command: (.+)$", written, re.MULTILINE)
    connection = pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.root_user,
        password=server.root_password,
        database=database,
        init_command=init_command,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@SESSION.sql_mode, @@SESSION.time_zone")
        assert cursor.fetchone() == ("STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION", "+00:00")
        for path in sorted((SUPERSET / "datasets/socialsim").glob("*.yaml")):
            for sql in re.findall(r"^sql: \|\n((?:  .*\n)+)", path.read_text(), re.MULTILINE):
                cursor.execute(textwrap.dedent(sql))
                assert cursor.fetchone() is not None, path.name


@pytest.mark.slow
@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
async def test_a_statement_based_binary_log_is_refused_before_tables_are_created(
    mysql_factory: MySQLFactory, flavour: str
) -> None:
    server: MySQLServer = mysql_factory(
        flavour=flavour, options={"log-bin": "binlog", "server-id": "1", "binlog-format": "STATEMENT"}
    )
    with database_of(server, "t_binlog") as database:
        db = WarehouseFixture(database.url, database.password)
        with pytest.raises(TerminalError, match=r"binlog_format is STATEMENT.*needed is ROW or MIXED"):
            migrate(db.url, db.password)
        assert db.rows("SHOW TABLES") == []
        with server.root_cursor() as cursor:
            cursor.execute("SET GLOBAL binlog_format = 'ROW'")
        migrate(db.url, db.password)
        with server.root_cursor() as cursor:
            cursor.execute("SET GLOBAL binlog_format = 'STATEMENT'")
        with pytest.raises(TerminalError, match="binlog_format"):
            async with db.opened():
                pass


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"log_bin": "ON", "binlog_format": "STATEMENT"}, ["binlog_format is STATEMENT"]),
        ({"log_bin": "ON", "binlog_format": "MIXED"}, []),
        ({"log_bin": "OFF", "binlog_format": "STATEMENT"}, []),
        ({}, []),
        ({"max_allowed_packet": str(PACKET_BYTES_MIN - 1)}, ["max_allowed_packet is"]),
        ({"max_allowed_packet": str(PACKET_BYTES_MIN)}, []),
    ],
)
def test_unusable_server_settings_are_reported(settings: dict[str, str], words: list[str]) -> None:
    found = list(obstacles(settings))
    assert len(found) == len(words)
    assert all(word in text for word, text in zip(words, found, strict=True))
    assert "NO_ENGINE_SUBSTITUTION" in SQL_MODE


@pytest.fixture(params=["sqlite", "mysql"])
def empty_db(request: pytest.FixtureRequest, tmp_path: Path, fresh_database: Database) -> WarehouseFixture:
    """An empty database: an SQLite file in an existing folder, or one on either server."""
    if request.param == "sqlite":
        return WarehouseFixture(f"sqlite:///{tmp_path}/w.sqlite", None)
    return WarehouseFixture(fresh_database.url, fresh_database.password)


def test_a_foreign_table_is_refused_and_nothing_is_created(empty_db: WarehouseFixture) -> None:
    empty_db.change("CREATE TABLE users (name VARCHAR(10))")
    empty_db.change("INSERT INTO users VALUES ('theirs')")
    with pytest.raises(InputError, match="holds users, which socialsim did not create; nothing was changed"):
        migrate(empty_db.url, empty_db.password)
    assert empty_db.rows("SELECT name FROM users") == [{"name": "theirs"}]
    assert current_revision(empty_db.url, empty_db.password) is None
    empty_db.change("DROP TABLE users")
    assert migrate(empty_db.url, empty_db.password)


def test_a_foreign_alembic_revision_is_refused(empty_db: WarehouseFixture) -> None:
    empty_db.change("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    empty_db.change("INSERT INTO alembic_version VALUES ('abcdef')")
    with pytest.raises(SchemaOutdatedError, match=r"revision abcdef.*another program"):
        migrate(empty_db.url, empty_db.password)


def test_an_unfinished_migration_is_reported(empty_mysql: WarehouseFixture) -> None:
    """MySQL keeps the tables of an interrupted step."""
    empty_mysql.change("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    empty_mysql.change("CREATE TABLE runs (run_key INTEGER PRIMARY KEY)")
    with pytest.raises(SchemaOutdatedError, match=r"holds runs and no revision.*did not finish"):
        migrate(empty_mysql.url, empty_mysql.password)
    empty_mysql.change("DROP TABLE runs")
    migrate(empty_mysql.url, empty_mysql.password)
    empty_mysql.change("UPDATE alembic_version SET version_num = '0002'")
    with pytest.raises(SchemaOutdatedError, match="at revision 0002 and holds a part of the next one"):
        migrate(empty_mysql.url, empty_mysql.password)


def test_a_file_where_a_folder_is_needed_is_reported(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(InputError, match="data cannot be made a directory"):
        migrate(f"sqlite:///{tmp_path}/data/w.sqlite")
