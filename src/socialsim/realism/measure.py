"""Every statistic of the table, computed from one run's events."""

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
from socialsim.realism.outcome import NotComputableError, Outcome, require
from socialsim.realism.view import View
from socialsim.scenario import DAY_US

Floats = NDArray[np.float64]

EDGES_MIN: Final = 100
USERS_MIN: Final = 100
_BIN_USERS_MIN: Final = 20  #: of a bin of degree, for its mean clustering to count
_WITHIN_US: Final = 7 * DAY_US
_RETENTION_DAYS: Final = (1, 7, 30)


def measure(view: View, only: Collection[str] = ()) -> dict[str, Outcome]:
    """Each statistic of the table, or of ``only``, by its id. What cannot be computed has its reason."""
    outcomes = {}
    for statistic in STATISTICS:
        if not only or statistic.id in only:
            try:
                outcome = _FUNCTIONS[statistic.id](view)
                for name, value in outcome.figures.items():
                    require(np.isfinite(value), f"{name} is not defined for this run")
            except NotComputableError as error:
                outcome = Outcome({}, reason=str(error))
            outcomes[statistic.id] = outcome
    return outcomes


# --- the network ----------------------------------------------------------------------------------------------------------


def _network(view: View) -> networks.Graph:
    require(view.users >= USERS_MIN, f"the run has {view.users} users, {USERS_MIN} are needed")
    graph = view.graph
    require(graph.edges >= EDGES_MIN, f"the run has {graph.edges} friendships, {EDGES_MIN} are needed")
    return graph


def settled_degrees(view: View) -> Ints:
    """Friends of the settled users who have one: as published, where people without friends are left out."""
    degrees = _network(view).degrees[view.settled]
    degrees = degrees[degrees > 0]
    require(len(degrees) >= USERS_MIN, f"{len(degrees)} users are there for a week and have a friend, not {USERS_MIN}")
    return degrees


def published_degree_cdf(degrees: NDArray[np.floating[Any]], mean: float) -> Floats:
    """The share of users with at most so many friends, by the published shape at another mean."""
    shares, values = np.array(DEGREE_QUANTILES).T
    there = np.log(np.maximum(degrees, 1e-9) * DEGREE_MEAN / mean)
    return np.asarray(np.interp(there, np.log(values), shares), np.float64)


def _degree_distribution(view: View) -> Outcome:
    degrees = settled_degrees(view)
    mean = float(degrees.mean())
    values = np.arange(1, int(degrees.max()) + 1)
    empirical = np.cumsum(np.bincount(degrees)[1:]) / len(degrees)
    # Friends are whole numbers: the shape's share up to k + 1/2 is what rounds to k or less.
    ks = float(np.abs(empirical - published_degree_cdf(values + 0.5, mean)).max())
    tenth, fifth, median = np.quantile(degrees, (0.1, 0.2, 0.5), method="inverted_cdf")
    return Outcome(
        {"ks": ks, "median_to_mean": float(median) / mean},
        f"mean {mean:.1f}, median {median:.0f}, a tenth up to {tenth:.0f}, a fifth up to {fifth:.0f}",
    )


def _mean_degree(view: View) -> Outcome:
    degrees = settled_degrees(view)
    expected = expected_mean_degree(view.users)
    mean = float(degrees.mean())
    return Outcome({"to_expected": mean / expected, "mean": mean}, f"expected {expected:.1f} at {view.users:,} users")


def _degree_gini(view: View) -> Outcome:
    return Outcome({"gini": networks.gini(settled_degrees(view))})


def clustering_bins(degrees: Ints, clustering: Floats) -> tuple[Floats, Floats]:
    """Mean degree and mean clustering of each bin, an octave's half wide, that has enough users."""
    bins = np.floor(2 * np.log2(degrees)).astype(np.int64)
    users = np.bincount(bins)
    there = users >= _BIN_USERS_MIN
    divisor = np.maximum(users, 1)
    return (np.bincount(bins, degrees) / divisor)[there], (np.bincount(bins, clustering) / divisor)[there]


def _local_clustering(view: View) -> Outcome:
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
    return Outcome({"mean": float(clustering.mean()), "trend": trend}, less + more)


def _transitivity(view: View) -> Outcome:
    return Outcome({"transitivity": networks.transitivity(_network(view))})


def _assortativity(view: View) -> Outcome:
    return Outcome({"r": networks.assortativity(_network(view))})


def _mean_distance(view: View) -> Outcome:
    return Outcome({"hops": networks.mean_distance(_network(view))})


def _giant_component(view: View) -> Outcome:
    in_giant = networks.components(_network(view)) == 0
    alone = int(np.count_nonzero(view.graph.degrees[view.settled] == 0))
    return Outcome(
        {"share": float(np.mean(in_giant[view.settled]))},
        f"{int(np.count_nonzero(view.settled)):,} users who are there for a week, {alone:,} of them without a friend",
    )


def _friendship_paradox(view: View) -> Outcome:
    return Outcome({"share": networks.paradox_share(_network(view), view.settled)})


def _same_country(view: View) -> Outcome:
    graph = _network(view)
    return Outcome({"share": float(np.mean(view.countries[graph.left] == view.countries[graph.right]))})


def _triangle_closing(view: View) -> Outcome:
    return Outcome({"share": networks.closing_share(_network(view))})


def _densification(view: View) -> Outcome:
    _network(view)
    spread = int(np.count_nonzero(view.joined_us <= (view.run.start_us + view.run.end_us) / 2))
    require(spread < view.users, "everybody signed up in the run's first half: the network does not grow")
    return Outcome({"exponent": networks.densification(view.joined_us, view.graph.time_us)})


# --- people and what they use ---------------------------------------------------------------------------------------------


def _acceptance(view: View) -> Outcome:
    tables = view.run.tables
    share, asked = population.acceptance_share(
        tables["friend_request"], tables["friend_acceptance"], view.run.end_us, _WITHIN_US
    )
    require(asked >= 100, f"{asked} requests are older than 7 days, 100 are needed")
    return Outcome({"share": share}, f"{asked:,} requests")


def _countries(view: View) -> Outcome:
    counts = [int(np.count_nonzero(view.countries == country_code(code))) for code in COUNTRY_AUDIENCES]
    require(sum(counts) >= 1_000, f"{sum(counts)} users live in the seven countries, 1,000 are needed")
    return Outcome({"tv": population.total_variation(counts, list(COUNTRY_AUDIENCES.values()))})


def _ages(view: View) -> Outcome:
    require(view.users >= 1_000, f"the run has {view.users} users, 1,000 are needed")
    ages = population.ages(view.birthdays, view.joined_us)
    figures = {name: float(np.mean((ages >= first) & (ages <= last))) for name, (first, last) in AGE_GROUPS.items()}
    return Outcome(figures, f"median {np.median(ages):.0f} years, from {ages.min()} to {ages.max()}")


def _devices(view: View) -> Outcome:
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
    return Outcome(figures | {"cramers_v": population.cramers_v(observed, shares)}, f"{habits.users:,} users")


# --- content --------------------------------------------------------------------------------------------------------------


def _likes_to_comments(view: View) -> Outcome:
    likes, comments = len(view.likes.post), len(view.run.tables["comment"]["time_us"])
    require(comments >= 100, f"the run has {comments} comments, 100 are needed")
    return Outcome({"ratio": likes / comments}, f"{likes:,} likes, {comments:,} comments")


def _photo_to_video(view: View) -> Outcome:
    pictures, videos = (len(view.run.tables[kind]["time_us"]) for kind in ("picture", "video"))
    require(videos >= 100, f"the run has {videos} videos, 100 are needed")
    return Outcome({"ratio": pictures / videos}, f"{pictures:,} pictures, {videos:,} videos")


def _post_concentration(view: View) -> Outcome:
    author = view.posts.user[view.posts.user >= 0]
    require(len(author) >= 1_000, f"the run has {len(author)} posts, 1,000 are needed")
    counts = np.bincount(author, minlength=view.users)[view.settled]
    return Outcome({"top_share": population.top_share(counts)}, f"{np.mean(counts == 0):.1%} of the users never posted")


def _likes_per_post(view: View) -> Outcome:
    counts = view.likes_of_posts
    data = tails.histogram(counts)
    require(data.size >= 1_000, f"{data.size} posts were liked, 1,000 are needed")
    law = tails.fit_power_law(data)
    require(law is not None, "all posts have the same number of likes")
    assert law is not None  # noqa: S101 - the line before says so
    whole = tails.fit_log_normal(data)
    return Outcome(
        {"alpha": law.alpha, "lognormal_ks": whole.ks, "sigma": whole.sigma},
        f"tail of {law.tail:,} posts from {law.xmin} likes on: {tails.compare(data, law).verdict}; "
        f"most likes {int(counts.max()):,}, mean {counts.mean():.1f}",
    )


def _like_age(view: View) -> Outcome:
    ages_us = view.likes.time_us - view.posts.time_us[view.likes.post]
    require(len(ages_us) >= 1_000, f"the run has {len(ages_us)} likes, 1,000 are needed")
    quarter, median, most = np.quantile(ages_us, (0.25, 0.5, 0.9)) / 3.6e9
    return Outcome({"median": float(median)}, f"a quarter within {quarter:.2f} h, nine tenths within {most:.1f} h")


# --- rhythm ---------------------------------------------------------------------------------------------------------------


def _burstiness(view: View) -> Outcome:
    measured = rhythm.bursts(rhythm.gaps_between(*view.actions))
    require(len(measured.b) >= USERS_MIN, f"{len(measured.b)} users have {rhythm.GAPS_MIN} gaps, not {USERS_MIN}")
    memory = measured.memory[np.isfinite(measured.memory)]
    require(len(memory), "no user's gaps differ")
    return Outcome({"b": float(measured.b.mean()), "memory": float(memory.mean())}, f"{len(measured.b):,} users")


def _dau_mau(view: View) -> Outcome:
    days = int(view.run.days)
    require(days >= 30, f"the run has {days} days, 30 are needed")
    return Outcome({"ratio": rhythm.dau_over_mau(*view.active_days, days)})


def retention_curve(view: View, after_max: int) -> Floats:
    """By days after the sign-up's, see rhythm.retention."""
    joined_day = (view.joined_us - view.run.start_us) // DAY_US
    return rhythm.retention(joined_day, *view.active_days, int(view.run.days), after_max)


def _retention(view: View) -> Outcome:
    curve = retention_curve(view, max(_RETENTION_DAYS))
    require(np.isfinite(curve[1]), "the run has fewer than two days, or nobody signed up on the first of them")
    return Outcome({f"d{n}": float(curve[n]) for n in _RETENTION_DAYS if np.isfinite(curve[n])})


def _weekend_posts(view: View) -> Outcome:
    share = rhythm.weekend_share(view.posts.time_us, view.joined_us, view.run.start_us, int(view.run.days))
    require(np.isfinite(share), "the run has no whole week")
    return Outcome({"share": share}, "two sevenths would be 28.6 %")


_FUNCTIONS: Final[Mapping[str, Callable[[View], Outcome]]] = {
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
