"""How often images, endorsers and views are used: sums of days, and nothing of who asked.

A process counts in memory (``tally``), adds to the sums of the database every few seconds and when it
stops (``recorder``), and joins old days to months (``folding``). ``figures`` reads what one reader may see,
``images`` what is told of the images of a view.
"""

from marketplace.usage.figures import By, Figures, Period, Span, Usage, last_days
from marketplace.usage.images import ImageUsage, ViewImages
from marketplace.usage.recorder import UsageRecorder
from marketplace.usage.sums import add_imports, forget_view
from marketplace.usage.tally import Use, UseKind

__all__ = [
    "By",
    "Figures",
    "ImageUsage",
    "Period",
    "Span",
    "Usage",
    "UsageRecorder",
    "Use",
    "UseKind",
    "ViewImages",
    "add_imports",
    "forget_view",
    "last_days",
]
