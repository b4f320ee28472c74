#!/usr/bin/env python3
"""Tests of the suite's own logic: a figure that misses its limit must fail, whatever the kind."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bench  # noqa: E402
import bench_gates as gates  # noqa: E402
import bench_report  # noqa: E402
from bench_run import interleaved, median  # noqa: E402


class GatesTest(unittest.TestCase):
    def test_a_rate_below_its_share_fails(self):
        self.assertTrue(gates.at_least_share("x", 60, "/s", 100, 0.6).ok)
        self.assertFalse(gates.at_least_share("x", 59.9, "/s", 100, 0.6).ok)

    def test_a_value_above_its_limit_fails(self):
        self.assertTrue(gates.at_most("x", 250, "ms", 250).ok)
        self.assertFalse(gates.at_most("x", 250.1, "ms", 250).ok)

    def test_what_must_never_happen_fails_when_it_does(self):
        self.assertTrue(gates.counted_zero("x", [{"early": 0}, {}], "early", "errors").ok)
        self.assertFalse(gates.counted_zero("x", [{"early": 0}, {"errors": 1}], "early",
                                            "errors").ok)

    def test_what_is_only_told_never_fails(self):
        self.assertEqual(gates.failures([gates.told("x", 1e9, "ms")]), [])

    def test_failures_are_those_that_missed(self):
        bad = gates.at_most("bad", 2, "ms", 1)
        self.assertEqual(gates.failures([gates.at_most("good", 1, "ms", 1), bad]), [bad])


class RunsTest(unittest.TestCase):
    def test_measurements_take_turns(self):
        order = []
        first, second = interleaved(2, lambda: order.append("a") or {"v": 1},
                                    lambda: order.append("b") or {"v": len(order)})
        self.assertEqual(order, ["a", "b", "a", "b"])
        self.assertEqual(median(first, "v"), 1)
        self.assertEqual(median(second, "v"), 3)
        self.assertEqual(median([1, 5, 2]), 2)


class TriesTest(unittest.TestCase):
    GOOD = gates.at_most("x", 1, "ms", 2)
    BAD = gates.at_most("x", 3, "ms", 2)
    LOST = gates.counted_zero("x", [{"lost": 1}], "lost")

    def tries(self, *results):
        """What comes of a part that gives these results in turn, and how often it was measured."""
        left = list(results)
        rows = bench.measured(lambda: [left.pop(0)], 3)
        return rows, len(results) - len(left)

    def test_a_figure_that_misses_gets_another_chance(self):
        self.assertEqual(self.tries(self.GOOD), ([self.GOOD], 1))
        self.assertEqual(self.tries(self.BAD, self.GOOD), ([self.GOOD], 2))

    def test_a_figure_that_always_misses_fails(self):
        self.assertEqual(self.tries(self.BAD, self.BAD, self.BAD), ([self.BAD], 3))

    def test_what_must_never_happen_gets_no_other_chance(self):
        self.assertEqual(self.tries(self.LOST, self.GOOD), ([self.LOST], 1))


class ReportTest(unittest.TestCase):
    ROWS = [gates.at_least_share("rate & more", 50, "/s", 100, 0.6), gates.told("told", 1.5, "ms")]

    def test_the_table_says_what_was_missed(self):
        text = bench_report.table(self.ROWS, "title")
        self.assertIn("| rate & more | 50 /s | 100 /s | 0.50 | >= 60% of the floor | **NO** |",
                      text)
        self.assertIn("| told | 1.5 ms |  |  |  |  |", text)

    def test_the_plot_is_well_formed(self):
        import xml.dom.minidom
        document = xml.dom.minidom.parseString(bench_report.plot(self.ROWS, "title"))
        bars = document.getElementsByTagName("rect")
        self.assertEqual(len(bars), 1 + 2)  # background, and two bars of the only rate


if __name__ == "__main__":
    unittest.main()
