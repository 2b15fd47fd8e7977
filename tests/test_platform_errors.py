"""The system's and the databases' errors: each has a sentence, a remedy and an exit code, and none
is called a bug.
"""

import errno
import os
import socket
import sqlite3
import ssl
from pathlib import Path
from typing import TypeVar

import pymysql
import pytest
from sqlalchemy import exc

from socialsim.cli.commands.run import backfill_span, parse_backfill, usable_cores
from socialsim.cli.main import explain, main
from socialsim.errors import InputError, LogFullError, SocialsimError, TransientError
from socialsim.platform_errors import OS_MEANINGS, explain_platform, unwritable
from socialsim.warehouse.driver_errors import translate_mysql, translate_sqlite
from socialsim.warehouse.engines import translated
from socialsim.warehouse.urls import MysqlTarget, SqliteTarget

MYSQL = MysqlTarget("db", 3306, "me", "x")
SQLITE = SqliteTarget(Path("w.sqlite"))

E = TypeVar("E", bound=Exception)


def classes(base: type[E]) -> set[type[E]]:
    return {base}.union(*(classes(each) for each in base.__subclasses__()))


MYSQL_ERRORS = sorted(classes(pymysql.MySQLError), key=lambda c: c.__name__)
SQLITE_ERRORS = sorted(classes(sqlite3.Error), key=lambda c: c.__name__)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *((name, 2) for name in ("ENOENT", "ENOTDIR", "EISDIR", "ENAMETOOLONG", "ELOOP", "EACCES", "EPERM", "EROFS")),
        *((name, 2) for name in ("EADDRINUSE", "EADDRNOTAVAIL", "ENOLCK", "ENOTSUP")),
        *((name, 1) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EMFILE", "ENFILE", "ENOMEM", "EAGAIN")),
        *((name, 3) for name in ("ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT", "EPIPE")),
    ],
)
def test_each_kind_of_failure_of_the_system_is_told_with_what_to_do(name: str, code: int) -> None:
    number = getattr(errno, name)
    said, exit_code = explain(OSError(number, os.strerror(number), "a/place"))
    assert exit_code == code
    sentence, separator, remedy = said.partition("; ")
    assert sentence == f"a/place: {os.strerror(number)}"
    assert separator
    assert remedy
    assert "bug" not in said


@pytest.mark.parametrize("number", sorted(OS_MEANINGS))
def test_every_meaning_is_one_of_ours_and_says_something(number: int) -> None:
    assert issubclass(OS_MEANINGS[number].kind, SocialsimError)
    assert OS_MEANINGS[number].remedy


def test_a_call_of_our_own_that_was_wrong_is_a_bug_and_is_called_one() -> None:
    for error in (
        OSError(errno.EBADF, "bad descriptor"),
        OSError(errno.EINVAL, "invalid argument"),
        RecursionError("x"),
    ):
        assert "this is a bug" in explain(error)[0]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (MemoryError(), 1, "out of memory; give it more"),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), 3, "cannot be resolved"),
        (TimeoutError(), 3, "no answer in time"),
        (ssl.SSLCertVerificationError(1, "x"), 2, "certificate"),
        (ssl.SSLEOFError(8, "eof"), 3, "TLS failed"),
        (UnicodeEncodeError("ascii", "größe", 2, 4, "no"), 2, "LC_ALL"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), 2, "not utf-8"),
        (ModuleNotFoundError("x", name="lz4"), 1, "lz4"),
    ],
)
def test_what_else_the_platform_raises_is_told(error: Exception, code: int, words: str) -> None:
    known = explain_platform(error)
    assert known is not None
    assert known.exit_code == code
    assert words in str(known)


def test_every_subclass_of_oserror_with_a_number_that_it_stands_for_is_told() -> None:
    for number in (
        errno.EACCES,
        errno.ENOENT,
        errno.EEXIST,
        errno.ECONNRESET,
        errno.ETIMEDOUT,
        errno.EPIPE,
        errno.EAGAIN,
    ):
        error = OSError(number, os.strerror(number), "f")
        assert type(error) is not OSError
        assert explain_platform(error) is not None


def test_a_full_disk_is_no_wrong_input() -> None:
    assert isinstance(unwritable("--out a", OSError(errno.ENOSPC, "full")), LogFullError)
    assert isinstance(unwritable("--out a", OSError(errno.EROFS, "read-only")), InputError)
    assert str(unwritable("--out a", OSError(9999, "odd"))) == "--out a: cannot be written: odd"


@pytest.mark.parametrize("kind", MYSQL_ERRORS)
def test_every_class_of_the_mysql_driver_becomes_one_of_ours(kind: type[pymysql.MySQLError]) -> None:
    for error in (kind(1234, "said"), kind("said"), kind()):
        told = translate_mysql(error, MYSQL, tried_s=1)
        assert isinstance(told, SocialsimError)
        assert str(told).startswith("mysql://me@db:3306/x: ")
        assert told.exit_code in (1, 2, 3)


@pytest.mark.parametrize("kind", SQLITE_ERRORS)
def test_every_class_of_sqlite_becomes_one_of_ours(kind: type[sqlite3.Error]) -> None:
    assert str(translate_sqlite(kind("said"), SQLITE)) == "sqlite:///w.sqlite: said"


@pytest.mark.parametrize(
    "error",
    [
        exc.ArgumentError("said"),
        exc.CompileError("said"),
        exc.InvalidRequestError("said"),
        exc.NoResultFound("said"),
        exc.TimeoutError("said"),
        exc.OperationalError("SELECT 1", {}, sqlite3.OperationalError("said")),
        exc.InterfaceError("SELECT 1", {}, pymysql.InterfaceError(0, "said")),
        exc.StatementError("said", "SELECT 1", {}, ValueError("x")),
    ],
)
def test_every_branch_of_sqlalchemy_becomes_one_of_ours(error: exc.SQLAlchemyError) -> None:
    target = MYSQL if isinstance(getattr(error, "orig", None), pymysql.MySQLError) else SQLITE
    with pytest.raises(SocialsimError, match="said"), translated(target):
        raise error


@pytest.mark.parametrize("number", [1290, 1792, 1836])
def test_a_server_that_only_reads_may_write_again_so_a_scheduler_tries_again(number: int) -> None:
    told = translate_mysql(pymysql.OperationalError(number, "read only"), MYSQL, tried_s=1)
    assert isinstance(told, TransientError)
    assert told.exit_code == 3


def test_a_system_without_the_calls_of_linux_simulates(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    for name in ("pidfd_open", "posix_fadvise", "sched_setaffinity", "memfd_create", "fdatasync"):
        monkeypatch.delattr(os, name, raising=False)
    monkeypatch.chdir(tmp_path)
    assert usable_cores() == os.cpu_count()
    assert main(["--quiet", "run", "--users", "10", "--days", "1", "--shards", "4"]) == 0
    assert main(["--quiet", "consume", "--drain"]) == 0
    assert main(["--quiet", "verify"]) == 0
    assert "verified" in capsys.readouterr().out


def test_backfill_names_itself_and_what_is_allowed() -> None:
    assert parse_backfill("3660d") == 3660
    for text in ("9999d", "3661d", "0d", "90"):
        with pytest.raises(InputError, match=r"--backfill is .* 1d to 3660d"):
            parse_backfill(text)
    assert backfill_span(3_500, 2e9, None)[1] == 3_660
    with pytest.raises(InputError, match=r"--backfill is 3660d: with --then-live at most 3659d"):
        backfill_span(3_660, 2e9, None)
