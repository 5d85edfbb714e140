"""The picture of an identifier."""

from __future__ import annotations

import re

from marketplace.pages.identicon import seal_path


def test_each_character_is_a_ray_within_the_square():
    path = seal_path("A" * 26 + "_")
    numbers = [int(number) for number in re.findall(r"-?\d+", path)]
    assert path.count("M") == path.count("L") == 27
    assert max(map(abs, numbers)) <= 50


def test_one_other_character_is_another_picture():
    assert seal_path("Q" + "A" * 26) != seal_path("A" * 27)


def test_any_text_has_a_picture_of_bounded_size():
    assert len(seal_path("<script>" * 1000)) < 600
