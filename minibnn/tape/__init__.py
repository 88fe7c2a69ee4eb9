"""The one room of speed: a computation recorded once, then replayed on fixed memory.

Read ``replay.py`` first (record, prove, replay), then ``tape.py``, ``simplify.py`` and
``bind.py``; ``rows.py`` carries out many steps in a row. The words:

tape     notes every NumPy operation of a function while it runs (``tape.py``)
step     one such operation and the array it fills
owner    the array whose memory a view looks into (``memory.py``)
bound    a call with all its arguments, output included, ready to be made (``bind.py``)
program  the bound calls of a function, in order (``replay.py``)
row      one step of training among many that are carried out together; what differs
         from row to row is a row of a stack (``rows.py``, ``phases.py``, ``lift.py``)

The other files each hold one way to need fewer or quicker calls. To see what a function
becomes, print ``[call.__name__ for call, _ in Program(function, inputs).calls]``; what
cannot be recorded raises NotRecordable there, with the reason.
"""
