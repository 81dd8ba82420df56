"""The pages of the pairs show every pair once, in the plan's order, with a sentence."""

from __future__ import annotations

from itertools import chain

from recorder.reference import pairs


def test_every_pair_is_on_one_page() -> None:
    shown = [folder for name in pairs.PAGES for folder, _ in pairs.pairs(name)]
    assert sorted(shown) == sorted(path for path in pairs.DATA.iterdir() if path.is_dir())


def test_every_listed_pair_exists_and_has_a_sentence() -> None:
    for folder, sentence in chain.from_iterable(listed.items() for listed in pairs.PAGES.values()):
        assert (pairs.DATA / folder / "before.py").exists()
        assert sentence.endswith(".")


def test_the_scheduler_comes_first_and_status_and_results_follow() -> None:
    first, second, *_ = pairs.PAGES["medium"]
    assert (first, second) == ("medium_scheduler", "medium_status")
    assert pairs.page("medium").index("## Scheduler") < pairs.page("medium").index("## Results")
