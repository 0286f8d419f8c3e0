"""docs/teaching.md keeps up with the sets."""

import pytest

import teaching
from minigen.checks.registry import set_names


def test_the_tables_of_the_teaching_page_are_fresh():
    page = teaching.PAGE.read_text(encoding="utf-8")
    assert page == teaching.fresh(page), "after a change of a set: python tools/teaching.py write"


def test_a_page_without_a_place_for_a_table_says_so():
    with pytest.raises(ValueError, match="0 places"):
        teaching.fresh("# Teaching")


def test_everything_is_counted(capsys):
    *sets, total = teaching.counted(mutants=False)
    with capsys.disabled():
        print(f"\n{total}")
    assert len(sets) == len(set_names())
    tasks, mistakes = (sum(int(line.split()[place]) for line in sets) for place in (1, 3))
    assert total.split()[1:4:2] == [str(tasks), str(mistakes)]
