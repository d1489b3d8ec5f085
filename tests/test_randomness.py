from nofreelunch.base.randomness import generator


def test_same_names_give_the_same_stream_and_a_known_first_value():
    first, again = (generator("ag_news", "minilm", 3).integers(1_000_000) for _ in range(2))
    assert first == again
    assert generator("golden").integers(1_000_000) == 187_939


def test_order_boundaries_and_types_of_names_matter():
    names = [("a", "b"), ("b", "a"), ("ab",), ("a", "b", ""), ("1",), (1,)]
    assert len({generator(*each).integers(2**62) for each in names}) == len(names)
