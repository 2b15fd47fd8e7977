"""Servers whose defaults are somebody else's: all SQL that we ship means the same, or it is said why not."""

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
from tests.warehouse.places import Place

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
def test_what_we_ship_means_the_same_on_a_server_with_hostile_defaults(
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
        place = filled(Place(database.url, database.password))
        engines = {
            row["e"]
            for row in place.rows(
                "SELECT ENGINE AS e FROM information_schema.tables WHERE "
                "TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'"
            )
        }
        assert engines == {"InnoDB"}
        engine = "MariaDB" if flavour == "mariadb" else "MySQL"
        theirs = [query for query in QUERIES if engine in query.engines]
        answers(theirs, place)
        # A person types them into a client of their own, which pins nothing.
        sqlite = filled(Place(f"sqlite:///{tmp_path}/w.sqlite", None))
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
    """Superset pins its sessions by the driver's own option; each of its data sets is a query that runs."""
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
async def test_a_binary_log_by_statement_is_refused_before_a_table_is_made(
    mysql_factory: MySQLFactory, flavour: str
) -> None:
    server: MySQLServer = mysql_factory(
        flavour=flavour, options={"log-bin": "binlog", "server-id": "1", "binlog-format": "STATEMENT"}
    )
    with database_of(server, "t_binlog") as database:
        place = Place(database.url, database.password)
        with pytest.raises(TerminalError, match=r"binlog_format is STATEMENT.*needed is ROW or MIXED"):
            migrate(place.url, place.password)
        assert place.rows("SHOW TABLES") == []
        with server.root_cursor() as cursor:
            cursor.execute("SET GLOBAL binlog_format = 'ROW'")
        migrate(place.url, place.password)
        with server.root_cursor() as cursor:
            cursor.execute("SET GLOBAL binlog_format = 'STATEMENT'")
        with pytest.raises(TerminalError, match="binlog_format"):
            async with place.opened():
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
def test_a_servers_settings_are_judged(settings: dict[str, str], words: list[str]) -> None:
    found = list(obstacles(settings))
    assert len(found) == len(words)
    assert all(word in text for word, text in zip(words, found, strict=True))
    assert "NO_ENGINE_SUBSTITUTION" in SQL_MODE


@pytest.fixture(params=["sqlite", "mysql"])
def empty_place(request: pytest.FixtureRequest, tmp_path: Path, fresh_database: Database) -> Place:
    """An empty database: an SQLite file in a folder that is there, or one of either server."""
    if request.param == "sqlite":
        return Place(f"sqlite:///{tmp_path}/w.sqlite", None)
    return Place(fresh_database.url, fresh_database.password)


def test_somebody_elses_table_is_left_alone_and_nothing_is_made(empty_place: Place) -> None:
    empty_place.change("CREATE TABLE users (name VARCHAR(10))")
    empty_place.change("INSERT INTO users VALUES ('theirs')")
    with pytest.raises(InputError, match="holds users, which socialsim did not make; nothing was changed"):
        migrate(empty_place.url, empty_place.password)
    assert empty_place.rows("SELECT name FROM users") == [{"name": "theirs"}]
    assert current_revision(empty_place.url, empty_place.password) is None
    empty_place.change("DROP TABLE users")
    assert migrate(empty_place.url, empty_place.password)


def test_somebody_elses_alembic_is_told_apart(empty_place: Place) -> None:
    empty_place.change("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    empty_place.change("INSERT INTO alembic_version VALUES ('abcdef')")
    with pytest.raises(SchemaOutdatedError, match=r"revision abcdef.*another program"):
        migrate(empty_place.url, empty_place.password)


def test_a_migration_that_did_not_end_is_said_to_be_one(empty_mysql: Place) -> None:
    """MySQL keeps the tables of a step that was cut off."""
    empty_mysql.change("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    empty_mysql.change("CREATE TABLE runs (run_key INTEGER PRIMARY KEY)")
    with pytest.raises(SchemaOutdatedError, match=r"holds runs and no revision.*did not come to its end"):
        migrate(empty_mysql.url, empty_mysql.password)
    empty_mysql.change("DROP TABLE runs")
    migrate(empty_mysql.url, empty_mysql.password)
    empty_mysql.change("UPDATE alembic_version SET version_num = '0002'")
    with pytest.raises(SchemaOutdatedError, match="at revision 0002 and holds a part of the next one"):
        migrate(empty_mysql.url, empty_mysql.password)


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(InputError, match="data cannot be made a directory"):
        migrate(f"sqlite:///{tmp_path}/data/w.sqlite")
