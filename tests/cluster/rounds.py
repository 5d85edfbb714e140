"""Every failure, as often as wanted, and what is left of what was acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from tests.cluster.cluster import Cluster
from tests.cluster.failing import FAULTS, Pause, fail, is_possible, worst
from tests.cluster.judging import Verdict, judge
from tests.cluster.load import Load
from tests.cluster.waiting import until

#: Seconds without an upload, and without a read at a node that lives, that a failure may cost.
UPLOADS_AGAIN, READS_AGAIN = 30.0, 5.0


@dataclass
class Outcome:
    """What many failures did."""

    verdict: Verdict
    pauses: list[Pause]
    odd: list[str]
    left_out: list[str]

    @property
    def line(self) -> str:
        """The outcome in one line."""
        found, longest = self.verdict, worst(self.pauses)
        return (
            f"acknowledged {found.acknowledged}, lost {found.lost}, doubled {found.doubled}, "
            f"longest pause of uploads {longest.uploads:.1f} s, of reads {longest.reads:.1f} s"
        )

    @property
    def table(self) -> str:
        """The pauses of each kind of failure, as a table of a page."""
        head = (
            "| what fails | runs | pause of uploads, median | longest | pause of reads, median | longest |",
            "| --- | --- | --- | --- | --- | --- |",
        )
        rows = []
        for fault in dict.fromkeys(pause.fault for pause in self.pauses):
            of_it = [pause for pause in self.pauses if pause.fault == fault]
            spans = ([one.uploads for one in of_it], [one.reads for one in of_it])
            cells = " | ".join(f"{of(span):.1f} s" for span in spans for of in (median, max))
            rows.append(f"| {fault} | {len(of_it)} | {cells} |")
        return "\n".join((*head, *rows))

    @property
    def is_right(self) -> bool:
        """Whether it is what docs/scale.md promises."""
        longest = worst(self.pauses)
        return (
            (self.verdict.lost, self.verdict.doubled, self.odd) == (0, 0, [])
            and longest.uploads <= UPLOADS_AGAIN
            and longest.reads <= READS_AGAIN
        )


def run(
    cluster: Cluster,
    rounds: int = 1,
    faults: Sequence[str] = tuple(FAULTS),
    tell: Callable[[str], None] = lambda line: None,
    goes_on: Callable[[], bool] = lambda: True,
) -> Outcome:
    """Have machines fail in turn, under uploads and reads.

    Args:
        tell: called with a line of each failure.
        goes_on: asked before each failure whether it shall still happen.
    """
    load = Load(cluster.address, {node.name: node.url for node in cluster.web}, cluster.keys)
    left_out = [name for name in faults if not is_possible(cluster, name)]
    for name in left_out:
        tell(f"{name}: left out, for want of network namespaces")
    until(cluster.database.is_whole, "the database is replicated")
    load.start()
    pauses = []
    try:
        for name in [name for name in faults if name not in left_out] * rounds:
            if not goes_on():
                break
            pauses.append(fail(cluster, load, name))
            tell(f"{name}: no upload for {pauses[-1].uploads:.1f} s, no read for {pauses[-1].reads:.1f} s")
    finally:
        load.stop()
    verdict = judge(cluster.web[-1].url, cluster.database_url, cluster.keys, load.acknowledged, load.heads)
    return Outcome(verdict, pauses, load.odd, left_out)
