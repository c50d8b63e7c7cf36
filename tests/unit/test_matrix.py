"""The fault matrix is complete, and the page about it says which test proves which case."""

from matrix import CASES, marked_tests, rows_of_page


def test_every_case_of_the_matrix_has_a_test_and_there_are_no_others():
    assert sorted(marked_tests()) == list(CASES)


def test_the_page_names_exactly_the_tests_of_each_case():
    assert rows_of_page() == marked_tests()
