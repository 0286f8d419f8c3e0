"""What a check says, whatever a learner hands in."""

import functools
import json
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from minigen.checks import CheckFailed, check, hint, progress, table
from minigen.checks.compare import Tolerance, assert_close, difference
from minigen.checks.launch import Result
from minigen.layers.masks import causal_mask


def right(x, dim):
    powers = (x - x.amax(dim, keepdim=True)).exp()
    return powers / powers.sum(dim, keepdim=True)


def key_of(task_id: str, student: object) -> str:
    """The key with which a check fails."""
    with pytest.raises(CheckFailed) as caught:
        check(task_id, student)
    return caught.value.key


def test_a_right_answer_prints_one_line(capsys):
    check("02.softmax", right)
    assert capsys.readouterr().out.startswith("✓ 02.softmax")


def test_prints_of_right_code_are_mentioned_and_not_shown(capsys):
    def talks(x, dim):
        print("here")
        return right(x, dim)

    check("02.softmax", talks)
    told = capsys.readouterr().out
    assert "also prints" in told
    assert "here" not in told


def test_a_forgotten_return_is_named():
    assert key_of("02.softmax", lambda x, dim: print(right(x, dim))) == "no-return"


def test_wrong_kinds_of_answers_are_named():
    assert key_of("02.softmax", lambda x, dim: right(x, dim).tolist()) == "wrong-type"
    assert key_of("02.softmax", lambda x, dim: right(x, dim)[None]) == "wrong-shape"
    assert key_of("02.softmax", lambda x, dim: right(x, dim).double()) == "wrong-dtype"
    assert key_of("02.softmax", lambda x: x) == "wrong-arguments"
    assert key_of("02.softmax", 3) == "not-callable"


def test_a_wrong_dtype_is_named_before_a_property_that_it_breaks():
    assert key_of("02.softmax", lambda x, dim: torch.zeros_like(x, dtype=torch.int64)) == "wrong-dtype"


def test_lists_of_different_lengths_are_told_with_both():
    assert "3 elements, not 2" in difference([1, 2], [1, 2, 3], Tolerance()).text


@pytest.mark.parametrize(
    "got, expected",
    [
        (torch.ones(2), torch.ones(2) + 1e-7),
        (torch.ones(2), torch.ones(2) + 1e-3),
        (torch.ones(2), torch.ones(2).double()),
        (torch.ones(2), torch.ones(1, 2)),
        (torch.tensor([1.0, float("nan")]), torch.tensor([1.0, float("nan")])),
        ((torch.ones(2), torch.zeros(3)), (torch.ones(2), torch.zeros(3))),
        ((torch.ones(2), torch.zeros(3)), (torch.ones(2), torch.ones(3))),
        ((torch.ones(2),), (torch.ones(2), torch.ones(3))),
    ],
)
def test_assert_close_says_what_torch_says(got, expected):
    def fails(compare):
        try:
            compare(got, expected)
        except (AssertionError, ValueError):
            return True
        return False

    assert fails(assert_close) == fails(torch.testing.assert_close)


def test_an_error_is_shown_without_a_stack_trace():
    with pytest.raises(CheckFailed) as caught:
        check("02.softmax", lambda x, dim: x @ torch.ones(17, 17))
    assert caught.value.key == "error"
    shown = "\n".join(caught.value._render_traceback_())
    assert "RuntimeError" in shown
    assert "Traceback" not in shown


def test_a_change_of_the_inputs_is_named():
    def in_place(x, dim):
        x -= x.amax(dim, keepdim=True)
        return right(x, dim)

    assert key_of("02.softmax", in_place) == "mutates-input"


@pytest.mark.parametrize(
    "borrowed",
    [
        torch.softmax,
        F.softmax,
        functools.partial(torch.softmax),
        lambda x, dim: torch.softmax(x, dim),
        lambda x, dim: x.softmax(dim),
        lambda x, dim: F.softmax(x, dim),
        lambda x, dim: nn.Softmax(dim)(x),
        lambda x, dim: torch.special.softmax(x, dim),
        lambda x, dim: getattr(torch, "soft" + "max")(x, dim),
    ],
)
def test_what_torch_has_ready_made_is_refused_by_every_road(borrowed):
    assert key_of("02.softmax", borrowed) == "forbidden"


def test_minigens_own_functions_are_refused():
    from minigen.checks.set_02_attention.masked import masked_softmax

    assert key_of("02.causal_mask", causal_mask) == "forbidden"
    assert key_of("02.causal_mask", lambda t, s: causal_mask(t, s)) == "forbidden"
    assert key_of("02.masked_softmax", masked_softmax) == "forbidden"
    assert key_of("02.masked_softmax", lambda scores, mask: masked_softmax(scores, mask)) == "forbidden"


def test_a_function_that_the_set_hands_out_may_be_called_and_its_others_may_not():
    from minigen.checks.set_05_text_generation.writing import generate as borrowed

    def written(next_logits, pick, prompt, limit, stop):
        tokens = list(prompt)
        while len(tokens) < len(prompt) + limit and (token := pick(next_logits(tokens))) != stop:
            tokens.append(token)
        return tokens[len(prompt) :]

    check("05.generate", written)
    assert key_of("05.generate", lambda *args: borrowed(*args)) == "forbidden"


def test_answers_learned_by_heart_are_found():
    from minigen.checks.draw import Draw
    from minigen.checks.set_02_attention.shares import softmax_cases

    table_of_answers = [(case.args[0], right(*case.args)) for case in softmax_cases(Draw(0))]

    def by_heart(x, dim):
        for known, answer in table_of_answers:
            if known.shape == x.shape and torch.equal(known, x):
                return answer
        return torch.zeros_like(x)

    assert key_of("02.softmax", by_heart) in ("hard-coded", "sums-to-one")


def test_hints_come_in_three_steps(capsys):
    for stage in (1, 2, 3):
        hint("02.split_heads", stage)
        assert f"Hint {stage} of 3" in capsys.readouterr().out


def test_the_table_and_the_progress_need_no_torch():
    code = "import sys, minigen.cli; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def result(name: str, status: str, key: str = "") -> Result:
    """A result of a task of two points."""
    return Result(name, "A title", "function", 1, "core", 5, 2, status, key, "what is wrong")


def test_the_table_says_what_is_wrong_and_what_comes_next():
    results = [result("02.a", "done"), result("02.b", "wrong", "no-scale"), result("02.c", "todo", "todo")]
    text = "\n".join(line for line, _ in table.set_lines("02_attention", results))
    assert "2 of 6 points, 1 of 3 tasks" in text
    assert "no-scale" in text
    assert "Next: 02.b" in text


def test_progress_is_kept_and_tells_what_is_new(tmp_path):
    path = progress.progress_file(tmp_path / "exercises")
    assert progress.remember(path, [result("02.a", "wrong", "x")]) == []
    assert progress.remember(path, [result("02.a", "done")]) == ["02.a"]
    assert progress.remember(path, [result("02.a", "done")]) == []
    assert json.loads(path.read_text())["02.a"]["tries"] == 2
