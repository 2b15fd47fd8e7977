"""Views for BI tools. Migrations create them; a test compares the result with this."""

from typing import Final

#: The metrics with one value for each run and day, in the column order of ``kpi_daily_wide``.
WIDE_METRICS: Final = (
    "dau",
    "wau",
    "mau",
    "stickiness",
    "signups",
    "retention_d1",
    "retention_d7",
    "retention_d30",
    "growth_new",
    "growth_retained",
    "growth_resurrected",
    "growth_churned",
    "quick_ratio",
    "activation_7d",
    "engagement_per_post",
    "engagement_per_active_user",
    "sessions_per_active_user",
    "time_per_active_user_s",
    "acceptance_7d",
    "acceptance_latency_median_s",
    "acceptance_latency_p90_s",
    "friends_per_user",
    "top_creators_share",
    "viral_posts",
)

_WIDE_COLUMNS: Final = ",\n".join(
    f"  MAX(CASE WHEN k.metric = '{metric}' THEN k.value END) AS {metric}" for metric in WIDE_METRICS
)

#: By name, the SELECT of each view.
VIEWS: Final[dict[str, str]] = {
    "kpi_daily_wide": f"""\
SELECT
  r.run_id,
  k.day,
{_WIDE_COLUMNS},
  MAX(k.computed_at) AS computed_at
FROM kpi_daily k
JOIN runs r ON r.run_key = k.run_key
WHERE k.dimension = 'all'
GROUP BY r.run_id, k.day"""  # noqa: S608 - our own names
}


def create_view(name: str, engine: str) -> str:
    """The CREATE VIEW statement.

    On MySQL a reader of the view needs privileges on the tables, not its creator.
    """
    security = "SQL SECURITY INVOKER " if engine == "mysql" else ""
    return f"CREATE {security}VIEW {name} AS\n{VIEWS[name]}"
