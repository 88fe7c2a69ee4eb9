"""``minibnn trace``: one weight's step in words and in JSON."""

import json

import pytest

from minibnn.book import trace
from minibnn.commands import main as cli


@pytest.mark.parametrize("argv", [[], ["--weight", "5"], ["--weight", "24"]])
def test_a_trace_fits_the_terminal_and_shows_every_number(argv, capsys):
    assert cli.main(["trace", *argv]) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    found = trace.network_weight(int(argv[1])) if argv else trace.one_weight()
    heads = ["forwards", "back"]
    lines = said.splitlines()
    assert [line for line in lines if line in heads] == heads
    for one in (*found.ahead, *found.back):
        (line,) = (line for line in lines if one.formula in line)
        before, after = line.split(one.formula)
        number = f"{one.number:.4f}"  # before the formula: a narrow screen shows it
        assert before.split() == f"{one.line} {one.label} {number}".split()
        assert after.split() == [one.file]
    for draw in found.draws:
        for k in range(10):
            row = [f"{draw[name][k]:.4f}" for name in ("A", "Z", "f", "y", "ℓ")]
            assert any(line.split()[1:6] == row for line in lines)


def test_a_trace_in_json_is_one_object(capsys):
    assert cli.main(["trace", "--json", "--weight", "7"]) == 0
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    found, want = json.loads(said), trace.network_weight(7)
    assert found["back"][0] == want.back[0]._asdict()
    assert set(found["ahead"][0]) == {"line", "label", "formula", "number", "file"}
    assert [draw["A δ"] for draw in found["draws"]] == [
        draw["A δ"] for draw in want.draws
    ]


def test_of_an_output_weight_there_is_no_weight_onward(capsys):
    cli.main(["trace", "--weight", "16"])
    assert capsys.readouterr().out.count("Z is f, so δ = ∂ℓ/∂f") == 2
    cli.main(["trace", "--weight", "8"])
    assert capsys.readouterr().out.count("where Z > 0") == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("25", "0 and <= 24, got 25"),
        ("-1", "from 0 to 24, got '-1'"),
        ("1.5", "from 0 to 24, got '1.5'"),
        ("x", "from 0 to 24, got 'x'"),
        ("", "from 0 to 24, got ''"),
        ("²", "from 0 to 24"),
        ("9" * 40, "from 0 to 24"),
    ],
)
def test_a_weight_that_is_not_there_is_one_line(text, words, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["trace", f"--weight={text}"])
    said = capsys.readouterr()
    assert (left.value.code, said.out) == (2, "")
    assert "argument --weight: " in said.err
    assert words in said.err
    assert said.err.count("\n") == 1
