"""Speed: a computation recorded once, then replayed on fixed memory.

Read ``program.py`` first (record, prove, replay), then ``tape.py``, ``passes/copies.py``
and ``bind.py``; ``scan.py`` carries out many turns of a function in a row. The words:

tape     notes every NumPy operation of a function while it runs (``tape.py``)
step     one such operation, no training step, and the array it fills (``step.py``)
owner    the array whose memory a view looks into (``memory.py``)
bound    a call with all its arguments, output included, ready to be made (``bind.py``)
program  the bound calls of a function, in order (``program.py``)
turn     one run of a function among many that are made in a row; what is new in every
         turn has a stack, with a place for each (``scan.py``, ``phases.py``, ``lift.py``)
short    a formula said with fewer digits, for sums (``shortcuts.py``)

Each file of ``passes`` is one way to need fewer or quicker calls. What it earns is
counted: how many times as many calls a step would make without it, or numbers it would
pass over, on six workloads (W1a W1b W2 W3 W3L R64, ``tests/benchmarks``). To see what a
function becomes, print ``[call.__name__ for call, _ in Program(function, inputs).calls]``;
what cannot be recorded raises NotRecordable there, with the reason. Other rooms import
from here.
"""

from minibnn.tape.program import (
    Direct,
    Program,
    exchange,
    proved_move,
    proved_program,
    toggle,
)
from minibnn.tape.repeated import Repeated
from minibnn.tape.scan import MOST, Scan, proved_scan
from minibnn.tape.tape import NotRecordable

__all__ = [
    "MOST",
    "Direct",
    "NotRecordable",
    "Program",
    "Repeated",
    "Scan",
    "exchange",
    "proved_move",
    "proved_program",
    "proved_scan",
    "toggle",
]
