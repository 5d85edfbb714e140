"""What endorsers are reminded of by mail: monthly lists, and entries that are about to expire."""

from marketplace.reminders.choices import Choices
from marketplace.reminders.service import ReminderService

__all__ = ["Choices", "ReminderService"]
