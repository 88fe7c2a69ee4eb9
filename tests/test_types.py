"""What type checkers and editors see: the package itself, and a user's own script."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "tests" / "support" / "typed_script.py"
SLIPS = {  # a line more in the script -> what is said of it
    "result.elbow": '"FitResult" has no attribute "elbow"',
    "pred.meen": '"Prediction" has no attribute "meen"',
    "mb.fit(model, family, X, y, seed=1)": 'argument "seed" for "fit"',
    "report.verdikt": '"GradientReport" has no attribute "verdikt"',
    "mb.MLP('wide')": 'Argument 1 to "MLP" has incompatible type',
}

pytestmark = pytest.mark.optional


def checked(*arguments):
    """(status, words) of mypy, or a skip where it is not installed."""
    api = pytest.importorskip("mypy.api", reason="needs mypy: pip install '.[oracles]'")
    said, trouble, status = api.run([*map(str, arguments), "--no-color-output"])
    return status, said + trouble


def test_the_package_is_clean(tmp_path):
    config = ("--config-file", ROOT / "pyproject.toml", "--cache-dir", tmp_path)
    status, said = checked(*config, ROOT / "minibnn")
    assert status == 0, said


def test_a_users_script_is_clean_and_slips_in_it_are_seen(tmp_path, monkeypatch):
    """As a user checks it: strictly, our package being somebody else's."""
    monkeypatch.setenv("MYPYPATH", str(ROOT))
    (tmp_path / "mypy.ini").write_text("[mypy]\nignore_missing_imports = True\n")
    strict = ("--strict", "--follow-imports", "silent", "--config-file",
              tmp_path / "mypy.ini", "--cache-dir", tmp_path / "cache")  # fmt: skip
    status, said = checked(*strict, SCRIPT)
    assert status == 0, said

    wrong = tmp_path / "script.py"
    wrong.write_text(SCRIPT.read_text("utf-8") + "\n".join(SLIPS))
    status, said = checked(*strict, wrong)
    assert status == 1
    assert [what for what in SLIPS.values() if what not in said] == []
    assert said.count(" error: ") == len(SLIPS)


def test_it_runs():
    exec(compile(SCRIPT.read_text("utf-8"), SCRIPT, "exec"), {})
