"""Presets: named scenarios, as differences from the defaults of ``Scenario``.

The defaults are a mature network, where most people stay. ``socialsim scenario show --preset NAME``
prints all knobs of a preset; options and files override them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple


class Preset(NamedTuple):
    """A preset: its purpose and its knobs."""

    purpose: str
    knobs: Mapping[str, Any]


def _preset(purpose: str, **knobs: Any) -> Preset:
    return Preset(purpose, MappingProxyType(knobs))


PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "tiny": _preset("100 people for a week: takes seconds, for tests and a first look", users=100, days=7),
        "demo": _preset(
            "2,000 people for six weeks with flash mobs, for dashboards",
            users=2_000,
            days=42,
            flash_mobs_per_30_days=4.0,
        ),
        "mature": _preset("a mature network, as large networks report: DAU/MAU about 0.65", users=20_000, days=60),
        "app": _preset(
            "a new app, as app stores see it: most people never return, day-1 retention about 0.23",
            users=20_000,
            days=60,
            bounce_share=0.6,
            drift_share=0.03,
            return_share=0.3,
            adoption_midpoint=0.5,
            adoption_steepness=6.0,
        ),
        "sf1": _preset(
            "about the size of LDBC's SF1: 10,620 people over three years, rarely active",
            users=10_620,
            days=1_096,
            start="2010-01-01T00:00:00Z",
            active_day_alpha=0.35,
            active_day_beta=1.2,
            sessions_per_active_day=1.7,
            drift_share=0.002,
            adoption_midpoint=0.4,
            adoption_steepness=4.0,
            flash_mobs_per_30_days=1.0,
        ),
        "uniform": _preset(
            "everything drawn uniformly, as simple generators do: the baseline that validate must reject",
            users=20_000,
            days=60,
            adoption_midpoint=0.5,
            adoption_steepness=0.0,
            country_skew=0.0,
            mobile_only_share=0.0,
            web_only_share=0.0,
            tablet_share=0.34,
            second_device_share=0.5,
            active_day_alpha=100.0,
            active_day_beta=0.05,
            sessions_per_active_day=4.0,
            session_duration_median_s=14_400,
            action_gap_median_s=6_000,
            action_gap_sigma=0.8,
            daily_rhythm=0.0,
            weekend_activity=1.0,
            bounce_share=0.0,
            drift_share=0.0,
            flash_mobs_per_30_days=0.0,
            friends_spread=0.0,
            community_influence=0.0,
            circle_share=0.0,
            closure_share=0.0,
            stranger_home_share=0.0,
            accept_stranger_share=1.0,
            post_share=0.25,
            post_sigma=0.0,
            video_share=0.5,
            comment_share=0.5,
            quality_sigma=0.0,
            affinity_sigma=0.0,
            recency_s=10_000_000,
            popular_share=0.0,
        ),
    }
)
#: Knobs of size, time and bursts. They do not change what people are like.
SIZE_KNOBS: Final = frozenset({"users", "days", "seed", "start", "shards", "window_s", "flash_mobs_per_30_days"})
