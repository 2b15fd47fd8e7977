"""Settings of Apache Superset. Secrets and what differs by machine are in the environment.

SUPERSET_SECRET_KEY              signs sessions
SUPERSET_HOME                    directory of the metadata, unless
SOCIALSIM_SUPERSET_METADATA_URI  names a PostgreSQL (or another SQLite) for them
SOCIALSIM_MYSQL_READER_PASSWORD  password of the user that reads the warehouse
SOCIALSIM_MYSQL_READER_PASSWORD_FILE  or the file that contains it
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pymysql


def _required(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise RuntimeError(f"{name} is not set; make superset sets it")
    return value


def _reader_password(_url: Any) -> str:
    """Read at each connection, so that Superset's metadata never contain the password."""
    if place := os.environ.get("SOCIALSIM_MYSQL_READER_PASSWORD_FILE"):
        return Path(place).read_text(encoding="utf-8").rstrip("\n")
    return _required("SOCIALSIM_MYSQL_READER_PASSWORD")


# Superset reads the names of column types from the module MySQLdb: replace it by our driver.
pymysql.install_as_MySQLdb()

SECRET_KEY = _required("SUPERSET_SECRET_KEY")
SQLALCHEMY_CUSTOM_PASSWORD_STORE = _reader_password
SQLALCHEMY_DATABASE_URI = os.environ.get("SOCIALSIM_SUPERSET_METADATA_URI") or (
    f"sqlite:///{_required('SUPERSET_HOME')}/superset.db?check_same_thread=false&timeout=60"
)

# --- no requests leave the machine ---

# The page's code loads a tracking pixel, map tiles and possibly fonts from elsewhere. This policy
# makes browsers contact only Superset itself.
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "default-src": ["'self'"],
        "base-uri": ["'self'"],
        "connect-src": ["'self'"],
        "font-src": ["'self'", "data:"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "img-src": ["'self'", "blob:", "data:"],
        "object-src": "'none'",
        "script-src": ["'self'", "'strict-dynamic'"],
        "style-src": ["'self'", "'unsafe-inline'"],  # its style library adds rules at run time
        "worker-src": ["'self'", "blob:"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,  # on loopback
    "session_cookie_secure": False,
    "referrer_policy": "same-origin",
}
MAPBOX_API_KEY = ""
ENABLE_CORS = False
THEME_FONT_URL_ALLOWED_DOMAINS: list[str] = []
BUG_REPORT_URL = None
DOCUMENTATION_URL = None

# --- access ---

PUBLIC_ROLE_LIKE = None
AUTH_ROLE_PUBLIC = "Public"  # a role without rights
WTF_CSRF_ENABLED = True
# cookies ignore ports: another Superset may be on this host
SESSION_COOKIE_NAME = "socialsim-superset"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
PERMANENT_SESSION_LIFETIME = timedelta(days=7)
RATELIMIT_STORAGE_URI = "memory://"

# --- appearance and behaviour ---

APP_NAME = "socialsim"
SQLLAB_BACKEND_PERSISTENCE = True
ROW_LIMIT = 20_000
SUPERSET_WEBSERVER_TIMEOUT = 60
FEATURE_FLAGS = {"ALERT_REPORTS": False, "THUMBNAILS": False, "DASHBOARD_RBAC": False}
#: KPIs change only when a day is computed again; a minute protects MySQL from many reloads.
DATA_CACHE_CONFIG = {
    "CACHE_TYPE": "FileSystemCache",
    "CACHE_DIR": f"{_required('SUPERSET_HOME')}/cache",
    "CACHE_DEFAULT_TIMEOUT": 60,
    "CACHE_THRESHOLD": 2_000,
}
CACHE_CONFIG = {**DATA_CACHE_CONFIG, "CACHE_KEY_PREFIX": "page"}

# The colours of socialsim's own report.
EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {
        "id": "socialsim",
        "label": "socialsim",
        "description": "",
        "isDefault": True,
        "colors": ["#2f66d8", "#e0762f", "#17917a", "#b9447c", "#7c5bd0", "#b08b17", "#3f9dc4", "#8b919c"],
    },
]
EXTRA_SEQUENTIAL_COLOR_SCHEMES = [
    {
        "id": "socialsim_heat",
        "label": "socialsim",
        "description": "",
        "isDiverging": False,
        "isDefault": True,
        "colors": ["#f0f4fc", "#a9c2f5", "#4d80e6", "#1c3f95"],
    }
]
