"""What happened at this marketplace, in one order: the page of events and webhooks are made of it."""

from marketplace.events.event_list import Events, Happened, Subject, Wanted
from marketplace.events.event_noter import PAGE, EventNoter
from marketplace.events.kinds import MEANINGS, Kind
from marketplace.events.record import Happening, record

__all__ = [
    "MEANINGS",
    "PAGE",
    "EventNoter",
    "Events",
    "Happened",
    "Happening",
    "Kind",
    "Subject",
    "Wanted",
    "record",
]
