"""The page docs/loan-lifecycle.md, drawn from the one transition table.

``make docs`` writes it; a test compares them.
"""

from __future__ import annotations

import sys

from halfpenny.loans.model import CONDITIONS, PUBLIC_STATUSES, TRANSITIONS, ActorKind, Status

_INTRODUCTION = """\
# The life of a loan

This page is drawn from `TRANSITIONS` in `src/halfpenny/loans/model.py` by
`make docs`; a test fails where the two differ.

Every transition counts the loan's version up by one and writes its event in the same transaction. What a
person does is on the audit trail as well. A request that names an older version than the loan's is refused.
"""


def render() -> str:
    """The whole page, in Markdown with a Mermaid state diagram."""
    return "\n".join([_INTRODUCTION, _diagram(), "", _table(), "", _notes(), ""])


def _diagram() -> str:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> draft"]
    for status in Status:
        for edge in TRANSITIONS.values():
            if status in edge.sources:
                lines.append(f"    {status.value} --> {edge.target.value}: {edge.name}")
    sources = {source for edge in TRANSITIONS.values() for source in edge.sources}
    lines += [f"    {status.value} --> [*]" for status in Status if status not in sources]
    return "\n".join([*lines, "```"])


def _table() -> str:
    lines = ["| transition | from | to | event | who |", "|---|---|---|---|---|"]
    for edge in TRANSITIONS.values():
        sources = ", ".join(status.value for status in Status if status in edge.sources)
        actor_kinds = ", ".join(kind.value for kind in ActorKind if kind in edge.actor_kinds)
        lines.append(f"| {edge.name} | {sources} | {edge.target.value} | `{edge.event}` | {actor_kinds} |")
    return "\n".join(lines)


def _notes() -> str:
    public = ", ".join(status.value for status in Status if status in PUBLIC_STATUSES)
    conditions = ", ".join(sorted(CONDITIONS))
    return f"The marketplace shows a loan while it is: {public}.\n\nDrawdown waits for the evidence of: {conditions}."


if __name__ == "__main__":
    sys.stdout.write(render())
