"""What moves parameters, and when to stop: optimisers, schedules, stopping rules.

One file each. Optimisers (E71-E73, E77-E79 through ``natural``) are subclasses of
``base.Optimizer``; a schedule is any function of (step, max_steps); a stopping rule any
function of the history, ``stopping.Rule`` what a run asks.
"""
