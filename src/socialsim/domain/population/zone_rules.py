"""The shape of a time zone's rules, shared by the packaged data and the clocks that follow them."""

from typing import TypeAlias

#: A change of the clocks: minutes since the epoch, and minutes east of Greenwich from then on.
Change: TypeAlias = tuple[int, int]
#: A change of each year: month, week of the month (5: the last), weekday (0: Sunday), minute of the day by the clock that is
#: changed, and minutes east of Greenwich from then on.
YearlyChange: TypeAlias = tuple[int, int, int, int, int]
#: Minutes east of Greenwich at the epoch; changes as ``minute:offset``; the first year of what comes then, and that: the
#: changes of each year, if there are any.
Zone: TypeAlias = tuple[int, str, int, tuple[()] | tuple[YearlyChange, YearlyChange]]
