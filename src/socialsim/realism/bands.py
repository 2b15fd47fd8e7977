"""The bands of realistic networks: each statistic's published value, its source and its band.

This is the only place with these values. They come from publications and not from the simulator,
whose tables may agree with them or not. ``evidence`` says how reliable the published value is:
``read`` in the source itself, ``second hand`` in a text that quotes it, ``memory``: to be checked
before it is quoted.
"""

from math import log10
from typing import Final, Literal, NamedTuple

Evidence = Literal["read", "second hand", "memory"]
Use = Literal["calibrated", "held out"]
Unit = Literal["", "share", "hours", "friends"]


class Band(NamedTuple):
    """One value of a statistic and its band; without bounds it is shown and not judged.

    All bands of a ``way`` must hold; a statistic with several ways passes if any of them does.
    """

    id: str
    title: str
    low: float | None = None
    high: float | None = None
    unit: Unit = ""
    way: str = ""


class Statistic(NamedTuple):
    """One row of the table.

    ``use``: whether the simulator's parameters were calibrated on this statistic or it was held
    out.
    ``presets``: the published value describes a population of these presets only; empty means any.
    """

    id: str
    title: str
    published: str
    source: str
    evidence: Evidence
    use: Use
    bands: tuple[Band, ...]
    presets: tuple[str, ...] = ()


_FACEBOOK_2011: Final = "Ugander et al., The Anatomy of the Facebook Social Graph, 2011"
_WOSN: Final = "KONECT, facebook-wosn-links"

STATISTICS: Final = (
    Statistic(
        "degree_distribution", "Degree (friends per user)",
        "mean 190, median 99; 10 % have fewer than 10, 20 % fewer than 25", _FACEBOOK_2011, "second hand", "calibrated",
        (
            Band("ks", "KS distance to the published shape, rescaled to the same mean", 0.0, 0.08),
            Band("median_to_mean", "median / mean", 0.50, 0.68),
        ),
    ),
    Statistic(
        "mean_degree", "Mean degree for this many users",
        "n^(0.512 - 0.028 log10 n): 40 at 10,000, 72 at 100,000, 116 at 1 M", "LDBC Social Network Benchmark, specification",
        "read", "calibrated",
        (Band("to_expected", "mean / expected mean", 0.8, 1.2), Band("mean", "mean", unit="friends")),
    ),
    Statistic(
        "degree_gini", "Gini coefficient of the degree", "0.643", _WOSN, "read", "held out",
        (Band("gini", "Gini", 0.50, 0.68),),
    ),
    Statistic(
        "local_clustering", "Local clustering", "0.14 at 100 friends, 0.5 at 2", _FACEBOOK_2011, "second hand", "calibrated",
        (
            Band("mean", "mean over users with 2 friends or more", 0.12, 0.25),
            Band("trend", "rank correlation of clustering with degree, over bins of degree", -1.0, -0.5),
        ),
    ),
    Statistic(
        "transitivity", "Global transitivity", "0.148", _WOSN, "read", "held out",
        (Band("transitivity", "3 x triangles / wedges", 0.10, 0.20),),
    ),
    Statistic(
        "assortativity", "Degree assortativity", "+0.177 (KONECT), +0.226 (Facebook, from memory)",
        f"{_WOSN}; {_FACEBOOK_2011}", "read", "held out",
        (Band("r", "Pearson r over friendships", 0.12, 0.30),),
    ),
    Statistic(
        "mean_distance", "Mean distance", "4.74 (Facebook), 4.31 (KONECT)",
        f"Backstrom et al., Four Degrees of Separation, 2012; {_WOSN}", "read", "held out",
        (Band("hops", "hops between two users of the giant component", 3.4, 4.8),),
    ),
    Statistic(
        "giant_component", "Giant component", "99.91 %", _FACEBOOK_2011, "read", "held out",
        (Band("share", "share of users", 0.99, 1.0, "share"),),
    ),
    Statistic(
        "friendship_paradox", "Friendship paradox", "83.6 % have fewer friends than their friends' median",
        _FACEBOOK_2011, "second hand", "held out",
        (Band("share", "share of users", 0.76, 0.88, "share"),),
    ),
    Statistic(
        "same_country", "Same-country friendships", "about 84 %", _FACEBOOK_2011, "memory", "calibrated",
        (Band("share", "share of friendships", 0.80, 0.92, "share"),),
    ),
    Statistic(
        "triangle_closing", "New friendships that close a triangle", "Flickr 66 %, LinkedIn 50 %",
        "Leskovec et al., Microscopic Evolution of Social Networks, 2008", "second hand", "held out",
        (Band("share", "share of friendships", 0.50, 0.80, "share"),),
    ),
    Statistic(
        "densification", "Densification exponent", "arXiv 1.68, patents 1.66",
        "Leskovec et al., Graphs over Time, 2005", "memory", "held out",
        (Band("exponent", "slope of log friendships over log users", 1.1, 1.6),),
    ),
    Statistic(
        "acceptance", "Requests accepted", "80 %",
        "Pew Research Center, Why most Facebook users get more than they give, 2012", "second hand", "calibrated",
        (Band("share", "share of requests, within 7 days", 0.60, 0.85, "share"),),
    ),
    Statistic(
        "likes_to_comments", "Likes : comments", "about 13 : 5 per user in 30 days", "DataReportal, Digital 2020",
        "second hand", "calibrated",
        (Band("ratio", "likes / comments", 2.0, 4.0),),
    ),
    Statistic(
        "post_concentration", "Posts per user", "90-9-1; stretched exponential rather than power law",
        "Nielsen, The 90-9-1 Rule, 2006; Guo et al., Analyzing Patterns of User Content Generation, 2009", "read",
        "calibrated",
        (Band("top_share", "share of posts by the most active tenth", 0.60, 0.90, "share"),),
    ),
    Statistic(
        "likes_per_post", "Likes per post", "log-normal, sigma 0.66 on promoted stories; tail exponent 2 to 3",
        "van Mieghem et al., Lognormal distribution in the Digg online social network, 2011; the exponent from memory",
        "second hand", "held out",
        (
            Band("alpha", "exponent of the power-law tail", 2.0, 3.0, way="a power-law tail"),
            Band("lognormal_ks", "KS distance to the fitted log-normal", 0.0, 0.05, way="a wide log-normal"),
            Band("sigma", "sigma of the fitted log-normal", 0.6, 1.6, way="a wide log-normal"),
        ),
    ),
    Statistic(
        "like_age", "Post half-life", "30 to 50 min on Facebook (marketing), 69 min on Digg",
        "published half-lives of posts; Wu and Huberman, Novelty and collective attention, 2007", "second hand",
        "calibrated",
        (Band("median", "median age of a post when it is liked", 0.5, 6.0, "hours"),),
    ),
    Statistic(
        "burstiness", "Burstiness of actions", "heavy-tailed gaps with a cut-off",
        "Goh and Barabasi, Burstiness and memory in complex systems, 2008; Kim and Jo, 2016", "read", "held out",
        (
            Band("b", "B of a user's gaps, corrected for their number, mean", 0.3, 0.7),
            Band("memory", "memory M of a user's gaps, mean", -0.2, 0.2),
        ),
    ),
    Statistic(
        "dau_mau", "DAU / MAU", "66 to 69 % (Facebook 2021 to 2023)", "Meta Platforms, quarterly reports", "second hand",
        "calibrated",
        (Band("ratio", "daily over 30-day active users, mean of the last 7 days", 0.60, 0.70, "share"),),
        presets=("mature",),
    ),
    Statistic(
        "retention", "Retention", "social apps: day 1 23 %", "Adjust, Mobile App Trends 2022", "read", "calibrated",
        (
            Band("d1", "active on day 1", 0.20, 0.30, "share"),
            Band("d7", "active on day 7", unit="share"),
            Band("d30", "active on day 30", unit="share"),
        ),
        presets=("app",),
    ),
    Statistic(
        "weekend_posts", "Weekend share of posts", "23 %", "published shares of posts by weekday", "second hand",
        "calibrated",
        (Band("share", "share of posts, UTC", 0.22, 0.30, "share"),),
    ),
    Statistic(
        "devices", "Device", "mobile only 79 to 82 %, desktop only 2 %; tablet main for 3 %",
        "DataReportal, Facebook access by device; the tablets from a survey", "second hand", "calibrated",
        (
            Band("mobile_only", "mobile only", 0.77, 0.84, "share"),
            Band("web_only", "desktop only", 0.00, 0.04, "share"),
            Band("tablet_main", "tablet most of the time", 0.01, 0.05, "share"),
            Band("cramers_v", "Cramér's V to the published shares"),
        ),
    ),
    Statistic(
        "photo_to_video", "Photo : video", "71 : 17", "Socialbakers, 2021", "second hand", "calibrated",
        (Band("ratio", "pictures / videos", 2.0, 5.0),),
    ),
    Statistic(
        "countries", "Countries",
        "India 417 M, US 240, Indonesia 177, Brazil 139, Philippines 91, Mexico 78, Vietnam 76",
        "DataReportal, Facebook's audience", "read", "calibrated",
        (Band("tv", "total variation among these seven", 0.0, 0.02),),
    ),
    Statistic(
        "ages", "Age", "of those aged 13 or more: 13 to 17 about 5 %, 18 to 34 about 54 %, 65 or more about 6 %",
        "DataReportal, Facebook's audience by age", "memory", "calibrated",
        (
            Band("minors", "13 to 17 years at the sign-up", 0.02, 0.08, "share"),
            Band("young", "18 to 34 years", 0.46, 0.62, "share"),
            Band("old", "65 years or more", 0.02, 0.10, "share"),
            Band("children", "under 13 years", 0.0, 0.001, "share"),
        ),
    ),
)  # fmt: skip

BY_ID: Final = {statistic.id: statistic for statistic in STATISTICS}

#: In million users; see the statistic ``countries``.
COUNTRY_AUDIENCES: Final = {"IN": 417, "US": 240, "ID": 177, "BR": 139, "PH": 91, "MX": 78, "VN": 76}

#: Age at sign-up in years, first and last; see the statistic ``ages``.
AGE_GROUPS: Final = {"minors": (13, 17), "young": (18, 34), "old": (65, 150), "children": (-9_999, 12)}

#: Shares of users; the remaining users have several devices. See the statistic ``devices``.
DEVICE_SHARES: Final = {"mobile_only": 0.805, "web_only": 0.02, "tablet_main": 0.03}

#: Friends of Facebook users as (share of users, at most this many friends). The published points
#: are the shares 0.1, 0.2 and 0.5, the largest number and the mean, 190; the others are
#: interpolated to give this mean.
DEGREE_QUANTILES: Final = (
    (0.0, 1.0), (0.1, 10.0), (0.2, 25.0), (0.5, 99.0), (0.75, 230.0), (0.9, 460.0), (0.99, 1_110.0), (0.999, 2_000.0),
    (1.0, 5_000.0),
)  # fmt: skip
DEGREE_MEAN: Final = 190.0


def expected_mean_degree(users: int) -> float:
    """The mean number of friends in a network of ``users``; see the statistic ``mean_degree``."""
    return float(users ** (0.512 - 0.028 * log10(users)))
