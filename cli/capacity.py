"""`chatlog capacity`: what so many users take, what it costs, and which number breaks first.

In: a demand and the data file of the model. Out: the page of `docs/capacity.md` for that demand, or
the same as JSON. Exit status 1 when the model disagrees with what was measured.
"""

from __future__ import annotations

import json
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.markdown import Markdown

from bench.planning.cost import checks
from bench.planning.inputs import FILE, load
from bench.planning.model import TARGET, Demand
from bench.planning.page import as_json, page
from cli import terminal
from infra.arguments import ExistingFile

Positive = Number(gt=0, lte=1e15)


def capacity(
    *,
    users: Annotated[float, Parameter(validator=Positive, help="People.")] = TARGET.users,
    messages_a_day: Annotated[
        float | None,
        Parameter(validator=Positive, help="When not given: 50 a user."),
    ] = None,
    sockets: Annotated[
        float | None,
        Parameter(validator=Positive, help="Open at once. When not given: one for 4 users."),
    ] = None,
    as_json_: Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")] = False,
    inputs: Annotated[ExistingFile, Parameter(help="The data file.")] = FILE,
) -> int:
    """What a number of users takes, what it costs per month, and which number breaks first."""
    known, usual = load(inputs), TARGET.scaled_to(users)
    demand = Demand(
        users=users,
        messages_a_day=messages_a_day or usual.messages_a_day,
        sockets=sockets or usual.sockets,
    )
    if as_json_:
        print(json.dumps(as_json(demand, known), indent=2))
    else:
        text, console = page(demand, known), terminal.console()
        console.print(Markdown(text) if console.is_terminal else text, soft_wrap=True)
    return 0 if all(check.holds for check in checks(known)) else 1
