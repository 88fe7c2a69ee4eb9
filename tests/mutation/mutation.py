"""Mutation testing: plant every known mistake in a copy, see a test go red.

    python tests/mutation/mutation.py [--only WORD] [--jobs N]

writes tests/mutation_score.json and .md. A mutant of a kernel (`mutants`) is killed when
the quick kernel tests fail on the copy that carries it, one of a procedure
(`procedure_mutants`) when the test named beside it does; a survivor is a mistake the
suite would let through.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mutation.mutants import MUTANTS
from mutation.procedure_mutants import procedures

ROOT = Path(__file__).resolve().parents[2]
SUITE = (
    "audit/test_examples.py",
    "test_objective.py",
    "robustness/test_special_cases.py",
    "audit/test_corners.py",
    "audit/test_values.py",
    "estimators/test_unbiased.py",
)
ALL = [*MUTANTS, *procedures()]
REASONS = {}  # name of a mutant that may survive -> why


def planted(source, old, new):
    """The source text with the mistake in it; ValueError unless it applies once."""
    if source.count(old) != 1:
        raise ValueError(f"applies {source.count(old)} times: {old[:60]!r}")
    return source.replace(old, new)


def place(package, file):
    """Where the file of a mutant stands: among the kernels unless it names a room."""
    return Path(package) / (file if "/" in file else f"kernels/{file}")


def plant(package, mutant):
    """Write a mistake into a copy of the package."""
    _, file, old, new, *_ = mutant
    path = place(package, file)
    path.write_text(planted(path.read_text(), old, new))


def copy(folder):
    """A copy of the repository to be spoiled, without what the tests do not read."""
    leave = shutil.ignore_patterns(".*", "__pycache__", "figures", "*.egg-info")
    shutil.copytree(ROOT, folder, ignore=leave, dirs_exist_ok=True)


def run(mutant):
    """(name, the test that killed it or None)."""
    with tempfile.TemporaryDirectory() as folder:
        copy(folder)
        plant(Path(folder) / "minibnn", mutant)
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        command += ["-k", "not saved"]  # no fits
        command += [f"tests/{name}" for name in mutant[4:] or SUITE]
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
        raise RuntimeError(f"{mutant[0]}: pytest said\n{done.stdout[-2000:]}")
    return mutant[0], failed[0].split(" - ")[0] if done.returncode else None


def _environment(folder):
    return {**os.environ, "PYTHONPATH": folder, "OPENBLAS_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip


def check_unspoiled():
    """The copy is what is tested, and without a mistake it passes."""
    where = "import minibnn; print(minibnn.__file__)"
    with tempfile.TemporaryDirectory() as folder:
        copy(folder)
        done = subprocess.run(
            [sys.executable, "-c", where], cwd=folder, env=_environment(folder),
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        if not done.stdout.startswith(str(Path(folder).resolve())):
            raise RuntimeError(f"not the copy is tested but {done.stdout}")
    _, failed = run(("nothing", "objective.py", '"""The page', '"""The page'))
    if failed:
        raise RuntimeError(f"no score: without any mistake there is {failed}")


def score(results):
    """The record: killed and surviving mutants, with the tests that saw them."""
    killed = {name: test for name, test in results if test}
    survivors = {
        name: REASONS.get(name, "unknown") for name, test in results if not test
    }
    return {
        "mutants": len(results),
        "killed": len(killed),
        "score": round(len(killed) / len(results), 4),
        "survivors": survivors,
        "killed_by": killed,
    }


def as_markdown(record):
    """The record as a short page."""
    lines = [
        "# Mutation score",
        "",
        f"{record['killed']} of {record['mutants']} planted mistakes are seen by quick "
        f"tests: {100 * record['score']:.1f} %.",
        "Made by `python tests/mutation/mutation.py`; the mistakes stand in "
        "`tests/mutation/mutants.py` (kernels) and `tests/mutation/procedure_mutants.py`.",
        "",
    ]
    if record["survivors"]:
        lines += ["| survivor | reason |", "|---|---|"]
        lines += [f"| {name} | {why} |" for name, why in record["survivors"].items()]
    return "\n".join(lines).rstrip() + "\n"


def main():
    """Run all mutants (or those whose name holds a word) and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="run the mutants with this word")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    chosen = [m for m in ALL if options.only in m[0]]
    check_unspoiled()
    with ThreadPoolExecutor(options.jobs) as pool:
        results = []
        for name, test in pool.map(run, chosen):
            results.append((name, test))
            sys.stderr.write(
                f"{len(results)}/{len(chosen)} {name}: {test or 'ALIVE'}\n"
            )
    record = score(results)
    print(as_markdown(record))
    if not options.only:
        here = Path(__file__).parent
        text = json.dumps(record, indent=1, sort_keys=True) + "\n"
        (here / "mutation_score.json").write_text(text)
        (here / "mutation_score.md").write_text(as_markdown(record))
    return 0 if record["score"] >= 0.95 else 1


if __name__ == "__main__":
    sys.exit(main())
