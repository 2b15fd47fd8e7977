"""The three users of the database: each can do its work, and none can do more.

On MariaDB and MySQL 8.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator

import pymysql
import pytest
from pymysql.cursors import Cursor

from compose.native import Database, MySQLServer
from compose.native.mysql import Users
from compose.native.settings import COMPOSE_DIR
from socialsim.errors import InputError
from socialsim.events import PLURALS
from socialsim.warehouse.mysql.grants import grants
from socialsim.warehouse.schema.tables import metadata
from socialsim.warehouse.schema.views import VIEWS
from tests.cli.conftest import Cli
from tests.support.services import database_of

DENIED = {1044, 1045, 1142, 1143, 1227, 1370}


@pytest.fixture
def users(mysql: MySQLServer, unique_name: str) -> Iterator[Users]:
    made = mysql.create_users(unique_name)
    yield made
    mysql.drop_users(made)


@pytest.fixture
def migrated(inside: Cli, users: Users) -> Users:
    done = inside("migrate", "--into", users.writer.url, **users.as_environment())
    assert done.returncode == 0, done.stderr
    return users


def connection_of(users: Users, user: str, password: str) -> pymysql.Connection:
    writer = users.writer
    return pymysql.connect(
        host=writer.host, port=writer.port, user=user, password=password, database=writer.name, autocommit=True
    )


def refused(cursor: Cursor, sql: str) -> None:
    with pytest.raises(pymysql.MySQLError) as caught:
        cursor.execute(sql)
    assert caught.value.args[0] in DENIED, f"{sql}: {caught.value}"


def reaches_beyond(name: str) -> list[str]:
    """What nobody but the administrator may do."""
    return [
        "SELECT * FROM mysql.user",
        "CREATE DATABASE beyond",
        "CREATE USER beyond",
        f"SELECT * FROM {name}_other.secrets",
        "SET GLOBAL max_connections = 1",
        "SELECT 1 INTO OUTFILE '/tmp/beyond'",
    ]


@pytest.fixture
def neighbour(mysql: MySQLServer, unique_name: str) -> Iterator[Database]:
    with database_of(mysql, f"{unique_name}_other") as other:
        with mysql.root_cursor(other.name) as cursor:
            cursor.execute("CREATE TABLE secrets (id INT)")
        yield other


def test_the_whole_road_works_for_the_writer(inside: Cli, migrated: Users) -> None:
    settings = {"SOCIALSIM_MYSQL_PASSWORD": migrated.writer.password}
    into = ("--into", migrated.writer.url)
    assert inside("run", "--users", "60", "--days", "2").returncode == 0
    consumed = inside("consume", "--drain", *into, **settings)
    assert consumed.returncode == 0, consumed.stderr
    again = inside("consume", "--drain", "--group", "other", *into, **settings)
    assert again.returncode == 0, again.stderr
    verified = inside("verify", *into, **settings)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert inside("dead-letters", "list", *into, **settings).returncode == 0
    with (
        connection_of(migrated, migrated.reader, migrated.reader_password) as connection,
        connection.cursor() as cursor,
    ):
        for table in metadata.sorted_tables:
            names = "id, reason" if table.name == "dead_letters" else "*"
            cursor.execute(f"SELECT {names} FROM {table.name}")
        for view in VIEWS:
            cursor.execute(f"SELECT * FROM {view}")
        cursor.execute("SELECT * FROM kpi_daily_wide")
    # Migrating again changes nothing, and the writer cannot do it.
    assert inside("migrate", *into, **migrated.as_environment()).returncode == 0


def test_before_the_first_migration_the_writer_is_told_what_to_run(inside: Cli, users: Users) -> None:
    into = ("--into", users.writer.url)
    assert inside("run", "--users", "20", "--days", "1").returncode == 0
    for command in (("consume", "--drain"), ("verify",), ("dead-letters", "list")):
        done = inside(*command, *into, SOCIALSIM_MYSQL_PASSWORD=users.writer.password)
        assert done.returncode == 2
        assert f"socialsim migrate --into {users.writer.url}" in done.stderr
        assert "SOCIALSIM_MYSQL_MIGRATOR" in done.stderr
    wrong = inside("consume", "--drain", *into, SOCIALSIM_MYSQL_PASSWORD="n0t-this-one")
    assert wrong.returncode == 2
    assert "socialsim migrate" not in wrong.stderr


def test_the_writer_replays_dead_letters(inside: Cli, migrated: Users, mysql: MySQLServer) -> None:
    from socialsim.events import encode
    from tests.warehouse.samples import like

    raw = encode(like(1))
    with mysql.root_cursor(migrated.writer.name) as cursor:
        cursor.execute(
            "INSERT INTO dead_letters (log_id, topic, partition_id, record_offset, raw, raw_bytes, raw_sha256,"
            " error_class, reason, created_at) VALUES ('l', 'x.picture_likes', 0, 0, %s, %s, SHA2(%s, 256), 'c', 'r',"
            " NOW())",
            (raw, len(raw), raw),
        )
    done = inside(
        "dead-letters", "replay", "--all", "--into", migrated.writer.url,
        SOCIALSIM_MYSQL_PASSWORD=migrated.writer.password,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "stored 1," in done.stdout


def test_the_writer_can_neither_change_nor_remove_what_it_stored(
    mysql: MySQLServer, migrated: Users, neighbour: Database
) -> None:
    with (
        connection_of(migrated, migrated.writer.user, migrated.writer.password) as connection,
        connection.cursor() as cursor,
    ):
        for table in PLURALS.values():
            statements = [
                f"DELETE FROM {table}",
                f"TRUNCATE TABLE {table}",
                f"DROP TABLE {table}",
                f"ALTER TABLE {table} ADD COLUMN x INT",
                f"CREATE INDEX x ON {table} (user_id)",
            ]
            # MariaDB's own check looks at the columns that an upsert inserts, not at those that it
            # changes.
            if mysql.flavour == "mysql":
                statements += [
                    f"UPDATE {table} SET user_id = 1",
                    f"UPDATE {table} SET event_time = NOW()",
                    f"INSERT INTO {table} SELECT * FROM {table} ON DUPLICATE KEY UPDATE user_id = 1",
                ]
            for sql in statements:
                refused(cursor, sql)
        name = migrated.writer.name
        for sql in (
            "DELETE FROM consumer_offsets",
            "DELETE FROM runs",
            "UPDATE alembic_version SET version_num = 'x'",
            "CREATE TABLE x (id INT)",
            f"DROP DATABASE {name}",
            f"GRANT SELECT ON {name}.users TO '{migrated.reader}'@'127.0.0.1'",
            *reaches_beyond(name),
        ):
            refused(cursor, sql)


def test_the_reader_only_reads_and_not_the_bytes_of_dead_letters(migrated: Users, neighbour: Database) -> None:
    with (
        connection_of(migrated, migrated.reader, migrated.reader_password) as connection,
        connection.cursor() as cursor,
    ):
        for table in metadata.sorted_tables:
            for sql in (
                f"INSERT INTO {table.name} VALUES ()",
                f"DELETE FROM {table.name}",
                f"UPDATE {table.name} SET {next(iter(table.columns)).name} = 1",
                f"DROP TABLE {table.name}",
                f"ALTER TABLE {table.name} ADD COLUMN x INT",
            ):
                refused(cursor, sql)
        for sql in (
            "SELECT raw FROM dead_letters",
            "CREATE TABLE x (id INT)",
            *reaches_beyond(migrated.writer.name),
        ):
            refused(cursor, sql)


def test_the_migrator_stays_within_its_database(migrated: Users, neighbour: Database) -> None:
    with (
        connection_of(migrated, migrated.migrator, migrated.migrator_password) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("CREATE TABLE x (id INT)")
        cursor.execute("DROP TABLE x")
        name = migrated.writer.name
        for sql in (
            f"GRANT SELECT ON {neighbour.name}.* TO '{migrated.reader}'@'127.0.0.1'",
            f"GRANT ALL PRIVILEGES ON *.* TO '{migrated.migrator}'@'127.0.0.1'",
            *reaches_beyond(name),
        ):
            refused(cursor, sql)


def test_the_wrong_users_password_is_named_and_migrating_as_the_writer_is_refused(inside: Cli, users: Users) -> None:
    into = ("migrate", "--into", users.writer.url)
    wrong = inside(*into, **(users.as_environment() | {"SOCIALSIM_MYSQL_MIGRATOR_PASSWORD": "n0t-this-one"}))
    assert wrong.returncode == 2
    assert users.migrator in wrong.stderr
    assert "n0t-this-one" not in wrong.stderr
    writer = inside(*into, SOCIALSIM_MYSQL_PASSWORD=users.writer.password)
    assert writer.returncode != 0
    assert "denied" in writer.stderr


@pytest.mark.parametrize("bad", ["a'b", "a`b", "a\\b", ""])
def test_a_name_that_would_need_escaping_is_refused(bad: str) -> None:
    with pytest.raises(InputError):
        list(grants("db", writer=bad, reader=None, host="%", mariadb=False))
    with pytest.raises(InputError):
        list(grants(bad, writer="w", reader=None, host="%", mariadb=False))


def test_the_script_for_a_foreign_server_does_the_same(mysql: MySQLServer, unique_name: str, inside: Cli) -> None:
    """users.sh, as MySQL's image runs it, with passwords that would end a careless literal."""
    client = shutil.which("mariadb") or shutil.which("mysql")
    assert client is not None
    passwords = {
        "SOCIALSIM_MYSQL_PASSWORD": "w'\\\"; DROP",
        "SOCIALSIM_MYSQL_MIGRATOR_PASSWORD": "m'$(x)",
        "SOCIALSIM_MYSQL_READER_PASSWORD": "r`%s`\\",
    }
    names = {
        "SOCIALSIM_MYSQL_DATABASE": unique_name,
        "SOCIALSIM_MYSQL_WRITER": unique_name,
        "SOCIALSIM_MYSQL_MIGRATOR": f"{unique_name}_migrator",
        "SOCIALSIM_MYSQL_READER": f"{unique_name}_reader",
        "SOCIALSIM_MYSQL_CLIENTS": "127.0.0.%",
    }
    login = f"{client} --no-defaults --protocol=tcp --host={mysql.host} --port={mysql.port} --user={mysql.root_user}"
    done = subprocess.run(
        [str(COMPOSE_DIR / "mysql" / "users.sh")],
        env={
            "PATH": os.environ["PATH"],
            "MYSQL": login,
            "MYSQL_ROOT_PASSWORD": mysql.root_password,
            **passwords,
            **names,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        assert done.returncode == 0, done.stderr
        url = f"mysql://{unique_name}@{mysql.host}:{mysql.port}/{unique_name}"
        settings = {key: value for key, value in names.items() if key.endswith(("MIGRATOR", "READER"))}
        migrated = inside("migrate", "--into", url, **passwords, **settings)
        assert migrated.returncode == 0, migrated.stderr
        listed = inside(
            "dead-letters", "list", "--into", url, SOCIALSIM_MYSQL_PASSWORD=passwords["SOCIALSIM_MYSQL_PASSWORD"]
        )
        assert listed.returncode == 0, listed.stderr
    finally:
        with mysql.root_cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{unique_name}`")
            for role in ("WRITER", "MIGRATOR", "READER"):
                cursor.execute("DROP USER IF EXISTS %s@%s", (names[f"SOCIALSIM_MYSQL_{role}"], "127.0.0.%"))
