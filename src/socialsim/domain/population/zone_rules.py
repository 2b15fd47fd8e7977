"""The types of time-zone rules, shared by the packaged data and the clocks that apply them."""

from typing import TypeAlias

#: A change of the offset: (minutes since the epoch, minutes east of UTC from then on).
Change: TypeAlias = tuple[int, int]
#: A change in every year: (month, week of the month with 5 for the last, weekday with 0 for Sunday,
#: minute of the local day before the change, minutes east of UTC from then on).
YearlyChange: TypeAlias = tuple[int, int, int, int, int]
#: (Minutes east of UTC at the epoch, explicit changes as ``minute:offset`` separated by commas,
#: first year of the yearly rule, the rule's two changes or none).
Zone: TypeAlias = tuple[int, str, int, tuple[()] | tuple[YearlyChange, YearlyChange]]
