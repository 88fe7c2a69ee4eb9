"""Import a copy of the package with one mistake in it, beside the sound one."""

import importlib
import sys
import uuid
from pathlib import Path

from mutation.mutation import plant

import minibnn

SOURCE = Path(minibnn.__file__).parent
ABOVE = "mistakes diagnosis audit plots book rupture commands".split()  # not needed


def import_mutant(mutant, folder):
    """The ``svi.elbo`` module of a copy that carries the mistake."""
    name = f"mutant_{uuid.uuid4().hex}"
    package = Path(folder) / name
    for path in SOURCE.rglob("*.py"):
        if path.relative_to(SOURCE).parts[0] not in ABOVE:
            target = package / path.relative_to(SOURCE)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path.read_text().replace("minibnn.", f"{name}."))
    (package / "__init__.py").write_text("")
    plant(package, mutant)
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        return importlib.import_module(f"{name}.svi.elbo")
    finally:
        sys.path.remove(str(folder))


def mutant_gradient(elbo, case):
    """The mistaken gradient at a case, with the mutant's own classes throughout."""
    name = elbo.__name__.split(".")[0]

    def twin(thing):
        if type(thing) is tuple:
            return tuple(twin(part) for part in thing)
        module = type(thing).__module__.replace("minibnn", name, 1)
        if type(thing).__module__.startswith("minibnn"):
            kind = getattr(importlib.import_module(module), type(thing).__name__)
            copy = kind.__new__(kind)
            vars(copy).update({key: twin(value) for key, value in vars(thing).items()})
            return copy
        return thing

    _, gradient, _ = elbo.neg_elbo(
        twin(case.model), twin(case.family), case.params, case.noise, case.X, case.y,
        n_data=case.n_data, kl_weight=case.kl_weight, estimator=twin(case.estimator),
    )  # fmt: skip
    return gradient
