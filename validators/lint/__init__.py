"""Looks at a document before somebody else does: what is refused, and what sites will miss.

Errors are what acceptance refuses, with acceptance's own codes. Advice never keeps
an entry out; its codes are stable, too, and ``advice.RULES`` has all of them.
Pure: the time, the facts of the file and the earlier entry are passed in.
"""

from validators.lint.advice import advise
from validators.lint.documents import lint, verify_draft
from validators.lint.findings import FileFacts, Level, Linted, LintFinding

__all__ = ["FileFacts", "Level", "LintFinding", "Linted", "advise", "lint", "verify_draft"]
