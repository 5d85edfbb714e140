"""What parts of a process tell each other, so that none has to know who acts upon it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, ParamSpec

from marketplace.tlog.checkpoint import SignedCheckpoint

P = ParamSpec("P")


class Signal(Generic[P]):
    """Something that happens again and again. Call the signal to tell every receiver, in order."""

    def __init__(self) -> None:
        self._receivers: tuple[Callable[P, object], ...] = ()

    def connect(self, *receivers: Callable[P, object]) -> None:
        """Add receivers, before the parts of the process start.

        Args:
            receivers: called on the thread of the one who tells, so they must be quick.
        """
        self._receivers += receivers

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        for receiver in self._receivers:
            receiver(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class Signals:
    """The signals of a process.

    Args:
        log_grew: this process added rows to a log, or saw that another process did.
        store_changed: some process stored something that readers see.
        trust_changed: the trust files were read, at the start and whenever they may have changed.
        work_requested: some process asked the one that does the background work to look at everything.
        work_wanted: this process has something to do for the one that does the background work.
        mail_owed: mail is to be sent.
        recall_noted: an endorser withdrew an image that cloud sites may have.
        head_presented: a peer showed a checkpoint of its log.
    """

    log_grew: Signal[[]] = field(default_factory=Signal)
    store_changed: Signal[[]] = field(default_factory=Signal)
    trust_changed: Signal[[]] = field(default_factory=Signal)
    work_requested: Signal[[]] = field(default_factory=Signal)
    work_wanted: Signal[[]] = field(default_factory=Signal)
    mail_owed: Signal[[]] = field(default_factory=Signal)
    recall_noted: Signal[[]] = field(default_factory=Signal)
    head_presented: Signal[[SignedCheckpoint]] = field(default_factory=Signal)
