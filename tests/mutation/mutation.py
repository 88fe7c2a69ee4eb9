"""Mutation testing: plant every known mistake in a copy, see a test go red.

    python tests/mutation/mutation.py [ROOM] [--again] [--jobs N]

writes mutation_score.json and .md beside this file after every mutant, so that a run may
be broken off and gone on with. ROOM is where mistakes are planted: likelihoods, svi, the
file rng. What is recorded for the text a file has now is not run again, but with --again.
A mutant of a formula (`mutants`) is killed when the laws of its room or the quick tests
of SUITE fail on the copy that carries it, one of a procedure (`procedure_mutants`) when
the test named beside it does; a survivor is a mistake the suite would let through.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mutants import LAWS, MUTANTS
from procedure_mutants import procedures

ROOT = Path(__file__).resolve().parents[2]
SUITE = (
    "audit/test_problems.py",
    "test_objective.py",
    "test_model.py",
    "nn/test_mlp.py",
    "nn/test_activations.py",
    "families/test_scales.py",
    "priors/test_gaussian.py",
    "robustness/test_special_cases.py",
    "estimators/test_unbiased.py",
)
ALL = [*MUTANTS, *LAWS, *procedures()]
REASONS = {}  # name of a mutant that may survive -> why
RECORD = Path(__file__).with_name("mutation_score.json")


def planted(source, old, new):
    """The source text with the mistake in it; ValueError unless it applies once."""
    if source.count(old) != 1:
        raise ValueError(f"applies {source.count(old)} times: {old[:60]!r}")
    return source.replace(old, new)


def plant(package, mutant):
    """Write a mistake into a copy of the package."""
    _, file, old, new, *_ = mutant
    path = Path(package) / file
    path.write_text(planted(path.read_text(), old, new))


def tests_of(mutant):
    """The tests that have to see a mutant: those it names, or its room's laws and SUITE."""
    if mutant[4:]:
        return mutant[4:]
    laws = f"{room_of(mutant)}/test_laws.py"
    return (laws, *SUITE) if (ROOT / "tests" / laws).exists() else SUITE


def room_of(mutant):
    """The room a mistake is planted in; a file of the top is one: 'rng'."""
    return mutant[1].removesuffix(".py").split("/")[0]


def source_of(mutant):
    """What a result depends on beside the tests: the file's text and the change."""
    text = (ROOT / "minibnn" / mutant[1]).read_text() + mutant[2] + mutant[3]
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def copy(folder):
    """A copy of the repository to be spoiled, without what the tests do not read."""
    leave = shutil.ignore_patterns(".*", "__pycache__", "figures", "*.egg-info")
    shutil.copytree(ROOT, folder, ignore=leave, dirs_exist_ok=True)


def run(mutant):
    """The first test that sees a mutant, or None."""
    return first_failure(tests_of(mutant), mutant)


def first_failure(tests, mutant=None):
    """The first of some tests that fails on a copy, with a mistake in it or without."""
    with tempfile.TemporaryDirectory() as folder:
        copy(folder)
        if mutant:
            plant(Path(folder) / "minibnn", mutant)
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        command += ["-m", "not slow", *(f"tests/{name}" for name in tests)]
        done = subprocess.run(
            command,
            cwd=folder,
            env=_environment(folder),
            capture_output=True,
            text=True,
        )
    lines = done.stdout.splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    if done.returncode not in (0, 1, 2) or (done.returncode and not failed):
        raise RuntimeError(f"{mutant and mutant[0]}: pytest said\n{done.stdout[-2000:]}")
    return failed[0].split(" - ")[0] if done.returncode else None


def _environment(folder):
    return {**os.environ, "PYTHONPATH": folder, "OPENBLAS_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip


def check_unspoiled(mutants):
    """The copy is what is tested, and without a mistake the tests that count pass."""
    where = "import minibnn; print(minibnn.__file__)"
    with tempfile.TemporaryDirectory() as folder:
        copy(folder)
        done = subprocess.run(
            [sys.executable, "-c", where], cwd=folder, env=_environment(folder),
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        if not done.stdout.startswith(str(Path(folder).resolve())):
            raise RuntimeError(f"not the copy is tested but {done.stdout}")
    failed = first_failure(dict.fromkeys(t for m in mutants for t in tests_of(m)))
    if failed:
        raise RuntimeError(f"no score: without any mistake there is {failed}")


def recorded():
    """{name: {"killed_by": test or None, "source": hash}} of the mutants there are."""
    known = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    return {m[0]: known[m[0]] for m in ALL if m[0] in known}


def survivors(record):
    """{name: why it may survive} of what no test has seen."""
    alive = [name for name, result in record.items() if not result["killed_by"]]
    return {name: REASONS.get(name, "unknown") for name in alive}


def as_markdown(record):
    """The record as a short page."""
    alive = survivors(record)
    killed = len(record) - len(alive)
    lines = [
        "# Mutation score",
        "",
        f"{killed} of {len(record)} planted mistakes are seen by quick tests: "
        f"{100 * killed / max(1, len(record)):.1f} %.",
        "Made by `python tests/mutation/mutation.py`; the mistakes stand in "
        "`tests/mutation/mutants.py` (formulas) and "
        "`tests/mutation/procedure_mutants.py`.",
        "",
    ]
    if alive:
        lines += ["| survivor | reason |", "|---|---|"]
        lines += [f"| {name} | {why} |" for name, why in alive.items()]
    return "\n".join(lines).rstrip() + "\n"


def save(record):
    """Write the record and its page."""
    RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    RECORD.with_suffix(".md").write_text(as_markdown(record))


def main():
    """Run the mutants of a room, or all, as far as they are not recorded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("room", nargs="?", help="where to plant mistakes; default: all")
    parser.add_argument("--again", action="store_true", help="run recorded ones too")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    record = recorded()
    chosen = [m for m in ALL if options.room in (None, room_of(m))]
    if not chosen:
        parser.error(f"no mutant in {options.room}: {sorted(set(map(room_of, ALL)))}")
    todo = [
        m for m in chosen
        if options.again or record.get(m[0], {}).get("source") != source_of(m)
    ]  # fmt: skip
    if todo:
        check_unspoiled(todo)
    with ThreadPoolExecutor(options.jobs) as pool:
        for i, (mutant, test) in enumerate(zip(todo, pool.map(run, todo), strict=True)):
            record[mutant[0]] = {"killed_by": test, "source": source_of(mutant)}
            save(record)
            sys.stderr.write(f"{i + 1}/{len(todo)} {mutant[0]}: {test or 'ALIVE'}\n")
    save(record)
    print(as_markdown(record))
    return 1 if "unknown" in survivors(record).values() else 0


if __name__ == "__main__":
    sys.exit(main())
