"""Run by Superset's Python: upgrades metadata, sets the password, imports the dashboard.

    SUPERSET_CONFIG_PATH=superset_config.py SUPERSET_SECRET_KEY=... SUPERSET_HOME=... \
    SOCIALSIM_SUPERSET_PASSWORD=... SOCIALSIM_MYSQL_READER=... SOCIALSIM_MYSQL_READER_PASSWORD=... \
    SOCIALSIM_INTO=mysql://socialsim@mysql:3306/socialsim python prepare.py

It is idempotent. With ``--export FILE`` it writes Superset's export of what it holds then.
"""

import logging
import os
import sys
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import yaml
from flask import g

# ruff: noqa: PLC0415 - Superset's modules need its application to be imported

ASSETS = Path(__file__).with_name("assets")
ADMIN = "admin"
REQUIRED = ("SOCIALSIM_SUPERSET_PASSWORD", "SUPERSET_SECRET_KEY", "SOCIALSIM_INTO", "SOCIALSIM_MYSQL_READER")


def database_uri(warehouse: str, reader: str) -> str:
    """SQLAlchemy's URL of the warehouse for the read-only user, without a password."""
    url = urlsplit(warehouse)
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    return f"mysql+pymysql://{quote(reader, safe='')}@{host}:{url.port or 3306}{url.path}?charset=utf8mb4"


def connect_arguments(warehouse: str) -> dict[str, Any]:
    """The driver's arguments: check the server's certificate if the URL requires TLS."""
    options = dict(parse_qsl(urlsplit(warehouse).query))
    if options.get("tls") != "on":
        return {}
    authority = {"ssl_ca": options["tls_ca"]} if "tls_ca" in options else {}
    return {**authority, "ssl_verify_cert": True, "ssl_verify_identity": True}


def bundle(warehouse: str, reader: str) -> dict[str, str]:
    """The dashboard for Superset's import: contents by file name."""
    contents = {}
    for path in sorted(ASSETS.rglob("*.yaml")):
        name, text = path.relative_to(ASSETS).as_posix(), path.read_text("utf-8")
        if name.startswith("databases/"):
            database = yaml.safe_load(text)
            database["sqlalchemy_uri"] = database_uri(warehouse, reader)
            database["extra"]["engine_params"]["connect_args"] |= connect_arguments(warehouse)
            text = yaml.safe_dump(database, sort_keys=False)
        contents[name] = text
    return contents


def set_password(security_manager: Any, password: str) -> None:
    """The administrator, created if new, with this password."""
    user = security_manager.find_user(username=ADMIN)
    if user is None:
        role = security_manager.find_role("Admin")
        made = security_manager.add_user(
            ADMIN, "socialsim", "admin", "admin@socialsim.invalid", role, password=password
        )
        if not made:
            raise RuntimeError("Superset did not create the administrator")
    elif not security_manager.auth_user_db(ADMIN, password):
        security_manager.reset_password(user.id, password)


def write_export(place: Path) -> None:
    """All dashboards of Superset as one ZIP file."""
    from superset.commands.dashboard.export import ExportDashboardsCommand
    from superset.extensions import db
    from superset.models.dashboard import Dashboard

    ids = [each for (each,) in db.session.query(Dashboard.id).order_by(Dashboard.id)]
    with zipfile.ZipFile(place, "w") as archive:
        for name, content in ExportDashboardsCommand(ids).run():
            archive.writestr(name, content())


def prepare(app: Any, environment: dict[str, str]) -> None:
    """Prepare metadata, roles, administrator and dashboard, in this order."""
    import flask_migrate
    from superset import security_manager
    from superset.commands.importers.v1.assets import ImportAssetsCommand
    from superset.extensions import db

    flask_migrate.upgrade()
    app.appbuilder.add_permissions(update_perms=True)
    security_manager.sync_role_definitions()
    set_password(security_manager, environment["SOCIALSIM_SUPERSET_PASSWORD"])
    g.user = security_manager.find_user(username=ADMIN)
    ImportAssetsCommand(bundle(environment["SOCIALSIM_INTO"], environment["SOCIALSIM_MYSQL_READER"])).run()
    db.session.commit()


def main(arguments: list[str]) -> None:
    """A setting; exits with a message if it is missing."""
    for name in REQUIRED:
        if not os.environ.get(name):
            sys.exit(f"{name} is not set")
    from superset.app import create_app

    app = create_app()
    logging.getLogger().setLevel(logging.WARNING)
    with app.app_context():
        prepare(app, dict(os.environ))
        if arguments[:1] == ["--export"]:
            write_export(Path(arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
