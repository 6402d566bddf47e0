"""Shared work: every item once, in order, whoever makes it, and whoever is gone."""

import fcntl
import itertools
import threading

import numpy as np
import pytest

from glf.core.shares import ALONE, meeting


def squares(made, stop=None):
    """A function that makes items, writes down which, and may fail at one."""

    def make(index, item):
        if item == stop:
            raise KeyboardInterrupt
        made.append(item)
        return {"square": np.array([item**2]), "index": np.array(index)}

    return make


def items():
    return range(10, 17)


EXPECTED = [(i**2, i - 10) for i in items()]


def found(shares, make):
    return [(int(r["square"][0]), int(r["index"])) for r in shares.over("a/b", items, make)]


def test_one_alone_makes_everything():
    assert found(ALONE, squares(made := [])) == EXPECTED
    assert made == list(items())


def test_several_make_each_item_once_and_the_last_one_removes_the_folder(tmp_path):
    made, results, meet = [[], [], []], {}, threading.Barrier(3)

    def work(number):
        with meeting(tmp_path / "shares" / "key", number, 3) as shares:
            meet.wait()
            results[number] = found(shares, squares(made[number]))
            assert shares.made == len(made[number])

    workers = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert results == dict.fromkeys(range(3), EXPECTED)
    assert sorted(itertools.chain(*made)) == list(items())
    assert not (tmp_path / "shares").exists()


def test_what_one_that_is_gone_had_made_is_kept_and_the_rest_is_made_by_others(tmp_path):
    with pytest.raises(KeyboardInterrupt), meeting(tmp_path / "key", 0, 2) as shares:
        found(shares, squares(first := [], stop=14))
    assert first == [10, 12]  # its own, up to where it was stopped
    with meeting(tmp_path / "key", 1, 2) as shares:
        assert found(shares, squares(second := [])) == EXPECTED
    assert second == [11, 13, 15, 14, 16]  # its own first
    assert (tmp_path / "key").exists()  # for the first one, which has written nothing yet
    with meeting(tmp_path / "key", 0, 2) as shares:
        assert found(shares, squares(again := [])) == EXPECTED
    assert not again
    assert not (tmp_path / "key").exists()


def test_an_item_that_hangs_elsewhere_is_made_here_after_a_while(tmp_path):
    with meeting(tmp_path / "key", 0, 2, timeout=0.3) as shares:
        (tmp_path / "key").mkdir(exist_ok=True)
        with open(tmp_path / "key" / "a_b-3.lock", "w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            assert found(shares, squares(made := [])) == EXPECTED
    assert made[-1] == 13


def test_what_is_shared_within_an_item_is_not_shared_again(tmp_path):
    with meeting(tmp_path / "key", 0, 2) as shares:

        def make(_, item):
            inner = shares.over("inner", lambda: range(item), squares([]))
            return {"sum": sum(int(r["square"][0]) for r in inner)}

        assert [int(r["sum"]) for r in shares.over("outer", lambda: [2, 3], make)] == [1, 5]
        assert not list((tmp_path / "key").glob("inner*"))
