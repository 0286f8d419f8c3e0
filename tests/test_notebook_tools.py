"""tools/notebooks.py on small notebooks, and the setup cell where minigen is and where it is not."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import notebooks as tool


def messy() -> nbformat.NotebookNode:
    """A notebook as an editor leaves it: run out of order, metadata, blanks, progress bars, a widget."""
    view = {tool.WIDGET: {"model_id": "box"}, "text/plain": "HBox(...)"}
    cell = new_code_cell("x = 1   \nx  ", execution_count=7, metadata={"collapsed": True, "tags": ["keep"]})
    cell.outputs = [
        new_output("stream", name="stderr", text=" 50%|#####     | 5/10 [00:01<00:01, 5.0it/s]"),
        new_output("display_data", data=view),
        new_output("execute_result", data={"text/plain": "1"}, execution_count=7),
    ]
    state = {
        "box": {"state": {"children": ["IPY_MODEL_left", "IPY_MODEL_bar", "IPY_MODEL_right"]}},
        "left": {"state": {"value": "train: 100%"}},
        "bar": {"state": {"value": 10.0}},
        "right": {"state": {"value": "&nbsp;10/10 [00:02&lt;00:00]"}},
    }
    metadata = {"widgets": {"application/vnd.jupyter.widget-state+json": {"state": state}}, "authors": ["me"]}
    return new_notebook(cells=[new_markdown_cell("# Title  "), cell], metadata=metadata)


def test_tidy_leaves_only_what_a_reader_needs():
    tidied = tool.tidy(messy())
    words, code = tidied.cells
    assert tidied.metadata == tool.KERNEL
    assert (words.source, code.source) == ("# Title", "x = 1\nx")
    assert [cell.id for cell in tidied.cells] == ["cell-01", "cell-02"]
    assert code.metadata == {"tags": ["keep"]}
    assert code.execution_count == code.outputs[-1].execution_count == 1
    assert [output.data["text/plain"] for output in code.outputs] == ["train: 100% 10/10 [00:02<00:00]", "1"]


def test_tidy_is_valid_changes_no_argument_and_twice_is_once():
    before = messy()
    tidied = tool.tidy(before)
    nbformat.validate(tidied)
    assert before.metadata["authors"] == ["me"]
    assert tool.tidy(tidied) == tidied
    assert tool.problems(tidied) == []


def test_problems_are_named():
    assert len(tool.problems(messy())) == 3  # order, not tidy, stderr
    bad = tool.tidy(messy())
    bad.cells[1].outputs = [new_output("error", ename="ValueError", evalue="no", traceback=[])]
    assert tool.problems(bad) == ["cell-02 ended in ValueError"]
    bad.cells[1].outputs = [new_output("stream", name="stderr", text="FutureWarning: soon")]
    assert "wrote to stderr" in tool.problems(bad)[0]
    bad.cells[1].source = f"# NBVAL_CHECK_OUTPUT\n{bad.cells[1].source}"
    bad.cells[1].outputs = [new_output("display_data", data={"text/plain": "100% 10/10 [00:02<00:00, 5.1it/s]"})]
    assert "progress bar" in tool.problems(bad)[0]


def test_an_unknown_lesson_is_named():
    with pytest.raises(ValueError, match="99_nowhere"):
        tool.lessons(["99_nowhere"])


@pytest.mark.slow
def test_run_executes_in_place_and_render_shows_it(tmp_path, monkeypatch):
    monkeypatch.setattr(tool, "FOLDER", tmp_path)
    monkeypatch.delenv("MPLBACKEND")  # else the kernel draws no inline pictures
    path = tmp_path / "00_try.ipynb"
    plot = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
    nbformat.write(new_notebook(cells=[new_code_cell("1 + 1"), new_code_cell(plot)]), path)
    assert tool.run(path) == []
    notebook = tool.read(path)
    assert notebook.cells[0].outputs[0].data["text/plain"] == "2"
    assert "execution" not in notebook.cells[0].metadata
    assert sorted(one.suffix for one in tool.render(path, tmp_path / "out")) == [".html", ".png"]
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), path)
    before = path.read_bytes()
    assert "raised" in tool.run(path)[0]
    assert path.read_bytes() == before


def test_the_setup_cell_is_short_and_silent_where_minigen_is(capsys, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("installs what is there"))
    exec(tool.SETUP_CELL, {})
    assert capsys.readouterr() == ("", "")
    assert len(tool.SETUP_CELL.splitlines()) <= 14


@pytest.mark.parametrize("where", ["checkout/notebooks", "."], ids=["inside the checkout", "beside it, as on Colab"])
def test_the_setup_cell_installs_from_the_checkout(where, tmp_path, monkeypatch):
    checkout = tmp_path / "checkout"
    (checkout / "minigen").mkdir(parents=True)
    (checkout / "notebooks").mkdir()
    (checkout / "minigen" / "__init__.py").touch()
    commands = []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(subprocess, "run", lambda command, check: commands.append(command))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path / where)
    exec(tool.SETUP_CELL, {})
    assert Path(commands[0][-1]) == checkout
    assert sys.path[0] == str(checkout)
    assert not any("constraints" in word for word in commands[0]), "the torch that Colab brings must stay"


def test_the_setup_cell_says_what_to_do_where_there_is_no_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="course's folder"):
        exec(tool.SETUP_CELL, {})


def test_a_bare_folder_called_minigen_is_not_taken_for_the_package(tmp_path):
    (tmp_path / "minigen").mkdir()
    code = f"import sys; sys.path.insert(0, '.'); import minigen; del sys.modules['minigen']\n{tool.SETUP_CELL}"
    command = [sys.executable, "-I", "-S", "-c", code]  # without site-packages, where the real one is
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "open this notebook inside the course's folder" in answer.stderr
