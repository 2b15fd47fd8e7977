"""Measures every statistic of the table on one run's events."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from socialsim.realism import graph as networks
from socialsim.realism import population, rhythm, tails
from socialsim.realism.bands import (
    AGE_GROUPS,
    COUNTRY_AUDIENCES,
    DEGREE_MEAN,
    DEGREE_QUANTILES,
    DEVICE_SHARES,
    STATISTICS,
    expected_mean_degree,
)
from socialsim.realism.events import Ints, country_code
from socialsim.realism.outcome import Measurement, NotComputableError, require
from socialsim.realism.view import AnalysisView
from socialsim.scenario.model import DAY_US

Floats = NDArray[np.float64]

EDGES_MIN: Final = 100
USERS_MIN: Final = 100
_BIN_USERS_MIN: Final = 20  #: users that a bin of degrees needs for its mean clustering
_WITHIN_US: Final = 7 * DAY_US
_RETENTION_DAYS: Final = (1, 7, 30)


def measure(view: AnalysisView, only: Collection[str] = ()) -> dict[str, Measurement]:
    """The statistics of the table, or of ``only``, by id. What cannot be computed has a reason."""
    outcomes = {}
    for statistic in STATISTICS:
        if not only or statistic.id in only:
            try:
                outcome = _FUNCTIONS[statistic.id](view)
                for name, value in outcome.figures.items():
                    require(np.isfinite(value), f"{name} is not defined for this run")
            except NotComputableError as error:
                outcome = Measurement({}, reason=str(error))
            outcomes[statistic.id] = outcome
    return outcomes


# --- the network ----------------------------------------------------------------------------------


def _network(view: AnalysisView) -> networks.Graph:
    require(view.users >= USERS_MIN, f"the run has {view.users} users, {USERS_MIN} are needed")
    graph = view.graph
    require(graph.edges >= EDGES_MIN, f"the run has {graph.edges} friendships, {EDGES_MIN} are needed")
    return graph


def settled_degrees(view: AnalysisView) -> Ints:
    """The degrees of settled users with friends.

    The published values exclude people without friends too.
    """
    degrees = _network(view).degrees[view.settled]
    degrees = degrees[degrees > 0]
    require(len(degrees) >= USERS_MIN, f"{len(degrees)} users are there for a week and have a friend, not {USERS_MIN}")
    return degrees


def published_degree_cdf(degrees: NDArray[np.floating[Any]], mean: float) -> Floats:
    """The share of users with at most ``degrees`` friends: the published shape scaled to
    ``mean``.
    """
    shares, values = np.array(DEGREE_QUANTILES).T
    scaled = np.log(np.maximum(degrees, 1e-9) * DEGREE_MEAN / mean)
    return np.asarray(np.interp(scaled, np.log(values), shares), np.float64)


def _degree_distribution(view: AnalysisView) -> Measurement:
    degrees = settled_degrees(view)
    mean = float(degrees.mean())
    values = np.arange(1, int(degrees.max()) + 1)
    empirical = np.cumsum(np.bincount(degrees)[1:]) / len(degrees)
    # Degrees are integers: the shape's share up to k + 1/2 is what rounds to k or less.
    ks = float(np.abs(empirical - published_degree_cdf(values + 0.5, mean)).max())
    tenth, fifth, median = np.quantile(degrees, (0.1, 0.2, 0.5), method="inverted_cdf")
    return Measurement(
        {"ks": ks, "median_to_mean": float(median) / mean},
        f"mean {mean:.1f}, median {median:.0f}, a tenth up to {tenth:.0f}, a fifth up to {fifth:.0f}",
    )


def _mean_degree(view: AnalysisView) -> Measurement:
    degrees = settled_degrees(view)
    expected = expected_mean_degree(view.users)
    mean = float(degrees.mean())
    return Measurement(
        {"to_expected": mean / expected, "mean": mean}, f"expected {expected:.1f} at {view.users:,} users"
    )


def _degree_gini(view: AnalysisView) -> Measurement:
    return Measurement({"gini": networks.gini(settled_degrees(view))})


def clustering_bins(degrees: Ints, clustering: Floats) -> tuple[Floats, Floats]:
    """Mean degree and mean clustering of each bin with enough users; a bin is half an octave
    wide.
    """
    bins = np.floor(2 * np.log2(degrees)).astype(np.int64)
    users = np.bincount(bins)
    filled = users >= _BIN_USERS_MIN
    divisor = np.maximum(users, 1)
    return (np.bincount(bins, degrees) / divisor)[filled], (np.bincount(bins, clustering) / divisor)[filled]


def _local_clustering(view: AnalysisView) -> Measurement:
    _network(view)
    degrees, clustering = view.clustering
    require(len(degrees) >= USERS_MIN, "too few users have two friends")
    centres, means = clustering_bins(degrees, clustering)
    require(len(centres) >= 3, "the degrees fill fewer than three bins")
    trend = float(spearmanr(centres, means).statistic) if means.std() > 0 else 0.0
    at_100 = clustering[(degrees >= 75) & (degrees <= 133)]
    more = f", {at_100.mean():.3f} at about 100" if len(at_100) >= _BIN_USERS_MIN else ""
    at_2 = clustering[degrees <= 3]
    less = (
        f"{at_2.mean():.3f} at 2 to 3 friends"
        if len(at_2) >= _BIN_USERS_MIN
        else f"{means[0]:.3f} at {centres[0]:.0f} friends"
    )
    return Measurement({"mean": float(clustering.mean()), "trend": trend}, less + more)


def _transitivity(view: AnalysisView) -> Measurement:
    return Measurement({"transitivity": networks.transitivity(_network(view))})


def _assortativity(view: AnalysisView) -> Measurement:
    return Measurement({"r": networks.assortativity(_network(view))})


def _mean_distance(view: AnalysisView) -> Measurement:
    return Measurement({"hops": networks.mean_distance(_network(view))})


def _giant_component(view: AnalysisView) -> Measurement:
    in_giant = networks.components(_network(view)) == 0
    alone = int(np.count_nonzero(view.graph.degrees[view.settled] == 0))
    return Measurement(
        {"share": float(np.mean(in_giant[view.settled]))},
        f"{int(np.count_nonzero(view.settled)):,} users who are there for a week, {alone:,} of them without a friend",
    )


def _friendship_paradox(view: AnalysisView) -> Measurement:
    return Measurement({"share": networks.paradox_share(_network(view), view.settled)})


def _same_country(view: AnalysisView) -> Measurement:
    graph = _network(view)
    return Measurement({"share": float(np.mean(view.countries[graph.left] == view.countries[graph.right]))})


def _triangle_closing(view: AnalysisView) -> Measurement:
    return Measurement({"share": networks.closing_share(_network(view))})


def _densification(view: AnalysisView) -> Measurement:
    _network(view)
    spread = int(np.count_nonzero(view.joined_us <= (view.run.start_us + view.run.end_us) / 2))
    require(spread < view.users, "all users signed up in the first half of the run: the network does not grow")
    return Measurement({"exponent": networks.densification(view.joined_us, view.graph.time_us)})


# --- people and what they use ---------------------------------------------------------------------


def _acceptance(view: AnalysisView) -> Measurement:
    tables = view.run.tables
    share, asked = population.acceptance_share(
        tables["friend_request"], tables["friend_acceptance"], view.run.end_us, _WITHIN_US
    )
    require(asked >= 100, f"{asked} requests are older than 7 days, 100 are needed")
    return Measurement({"share": share}, f"{asked:,} requests")


def _countries(view: AnalysisView) -> Measurement:
    counts = [int(np.count_nonzero(view.countries == country_code(code))) for code in COUNTRY_AUDIENCES]
    require(sum(counts) >= 1_000, f"{sum(counts)} users live in the seven countries, 1,000 are needed")
    return Measurement({"tv": population.total_variation(counts, list(COUNTRY_AUDIENCES.values()))})


def _ages(view: AnalysisView) -> Measurement:
    require(view.users >= 1_000, f"the run has {view.users} users, 1,000 are needed")
    ages = population.ages(view.birthdays, view.joined_us)
    figures = {name: float(np.mean((ages >= first) & (ages <= last))) for name, (first, last) in AGE_GROUPS.items()}
    return Measurement(figures, f"median {np.median(ages):.0f} years, from {ages.min()} to {ages.max()}")


def _devices(view: AnalysisView) -> Measurement:
    counts = sum(
        population.device_counts(view.users, view.numbers(table["user_id"]), table["device"])
        for table in view.run.tables.values()
    )
    habits = population.device_habits(np.asarray(counts))
    require(
        habits.users >= USERS_MIN, f"{habits.users} users have {population.DEVICE_EVENTS_MIN} events, not {USERS_MIN}"
    )
    observed = [float(getattr(habits, name)) for name in DEVICE_SHARES]
    observed.append(habits.users - sum(observed))
    shares = [*DEVICE_SHARES.values(), 1 - sum(DEVICE_SHARES.values())]
    figures = {name: habits.share(name) for name in DEVICE_SHARES}
    return Measurement(figures | {"cramers_v": population.cramers_v(observed, shares)}, f"{habits.users:,} users")


# --- content --------------------------------------------------------------------------------------


def _likes_to_comments(view: AnalysisView) -> Measurement:
    likes, comments = len(view.likes.post), len(view.run.tables["comment"]["time_us"])
    require(comments >= 100, f"the run has {comments} comments, 100 are needed")
    return Measurement({"ratio": likes / comments}, f"{likes:,} likes, {comments:,} comments")


def _photo_to_video(view: AnalysisView) -> Measurement:
    pictures, videos = (len(view.run.tables[kind]["time_us"]) for kind in ("picture", "video"))
    require(videos >= 100, f"the run has {videos} videos, 100 are needed")
    return Measurement({"ratio": pictures / videos}, f"{pictures:,} pictures, {videos:,} videos")


def _post_concentration(view: AnalysisView) -> Measurement:
    author = view.posts.user[view.posts.user >= 0]
    require(len(author) >= 1_000, f"the run has {len(author)} posts, 1,000 are needed")
    counts = np.bincount(author, minlength=view.users)[view.settled]
    return Measurement(
        {"top_share": population.top_share(counts)}, f"{np.mean(counts == 0):.1%} of the users never posted"
    )


def _likes_per_post(view: AnalysisView) -> Measurement:
    counts = view.likes_of_posts
    data = tails.histogram(counts)
    require(data.size >= 1_000, f"{data.size} posts were liked, 1,000 are needed")
    law = tails.fit_power_law(data)
    require(law is not None, "all posts have the same number of likes")
    assert law is not None  # noqa: S101 - ensured by the line before
    whole = tails.fit_log_normal(data)
    return Measurement(
        {"alpha": law.alpha, "lognormal_ks": whole.ks, "sigma": whole.sigma},
        f"tail of {law.tail:,} posts from {law.xmin} likes on: {tails.compare(data, law).verdict}; "
        f"most likes {int(counts.max()):,}, mean {counts.mean():.1f}",
    )


def _like_age(view: AnalysisView) -> Measurement:
    ages_us = view.likes.time_us - view.posts.time_us[view.likes.post]
    require(len(ages_us) >= 1_000, f"the run has {len(ages_us)} likes, 1,000 are needed")
    quarter, median, most = np.quantile(ages_us, (0.25, 0.5, 0.9)) / 3.6e9
    return Measurement({"median": float(median)}, f"a quarter within {quarter:.2f} h, nine tenths within {most:.1f} h")


# --- rhythm ---------------------------------------------------------------------------------------


def _burstiness(view: AnalysisView) -> Measurement:
    measured = rhythm.bursts(rhythm.gaps_between(*view.actions))
    require(len(measured.b) >= USERS_MIN, f"{len(measured.b)} users have {rhythm.GAPS_MIN} gaps, not {USERS_MIN}")
    memory = measured.memory[np.isfinite(measured.memory)]
    require(len(memory), "no user's gaps differ")
    return Measurement({"b": float(measured.b.mean()), "memory": float(memory.mean())}, f"{len(measured.b):,} users")


def _dau_mau(view: AnalysisView) -> Measurement:
    days = int(view.run.days)
    require(days >= 30, f"the run has {days} days, 30 are needed")
    return Measurement({"ratio": rhythm.dau_over_mau(*view.active_days, days)})


def retention_curve(view: AnalysisView, after_max: int) -> Floats:
    """By days after the day of sign-up, see rhythm.retention."""
    joined_day = (view.joined_us - view.run.start_us) // DAY_US
    return rhythm.retention(joined_day, *view.active_days, int(view.run.days), after_max)


def _retention(view: AnalysisView) -> Measurement:
    curve = retention_curve(view, max(_RETENTION_DAYS))
    require(np.isfinite(curve[1]), "the run has fewer than two days, or nobody signed up on the first of them")
    return Measurement({f"d{n}": float(curve[n]) for n in _RETENTION_DAYS if np.isfinite(curve[n])})


def _weekend_posts(view: AnalysisView) -> Measurement:
    share = rhythm.weekend_share(view.posts.time_us, view.joined_us, view.run.start_us, int(view.run.days))
    require(np.isfinite(share), "the run has no whole week")
    return Measurement({"share": share}, "two sevenths would be 28.6 %")


_FUNCTIONS: Final[Mapping[str, Callable[[AnalysisView], Measurement]]] = {
    "degree_distribution": _degree_distribution,
    "mean_degree": _mean_degree,
    "degree_gini": _degree_gini,
    "local_clustering": _local_clustering,
    "transitivity": _transitivity,
    "assortativity": _assortativity,
    "mean_distance": _mean_distance,
    "giant_component": _giant_component,
    "friendship_paradox": _friendship_paradox,
    "same_country": _same_country,
    "triangle_closing": _triangle_closing,
    "densification": _densification,
    "acceptance": _acceptance,
    "likes_to_comments": _likes_to_comments,
    "post_concentration": _post_concentration,
    "likes_per_post": _likes_per_post,
    "like_age": _like_age,
    "burstiness": _burstiness,
    "dau_mau": _dau_mau,
    "retention": _retention,
    "weekend_posts": _weekend_posts,
    "devices": _devices,
    "photo_to_video": _photo_to_video,
    "countries": _countries,
    "ages": _ages,
}
