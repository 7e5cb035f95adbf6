#!/usr/bin/python3
"""Goal: what a bench prints is what it measured, and a missed floor is never shown as held.

Method: figures made by hand; no servers.
"""
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from figures import Figure, at_most, median, missed, number, percentile, ratio_at_least, ratio_at_most, rounded, table  # noqa: E402


class Percentiles(unittest.TestCase):
    def test_nearest_rank(self):
        values = list(range(100, 0, -1))
        for percent, expected in ((0, 1), (1, 1), (50, 50), (99, 99), (99.5, 100), (100, 100)):
            self.assertEqual(percentile(values, percent), expected)

    def test_few_values_give_the_worst(self):
        self.assertEqual(percentile([3, 1, 2], 99), 3)
        self.assertEqual(percentile([7], 50), 7)

    def test_no_values_are_no_percentile(self):
        with self.assertRaises(ValueError):
            percentile([], 50)

    def test_median(self):
        self.assertEqual(median([3, 1, 2]), 2)
        self.assertEqual(median([4, 1, 2, 3]), 2.5)


class Floors(unittest.TestCase):
    def test_each_sense_holds_at_its_limit_and_not_beyond(self):
        rows = (  # floor, value, baseline, holds
            (at_most(5), 5, None, True),
            (at_most(5), 5.1, None, False),
            (ratio_at_least(0.9), 90, 100, True),
            (ratio_at_least(0.9), 89, 100, False),
            (ratio_at_most(2), 20, 10, True),
            (ratio_at_most(2), 21, 10, False),
        )
        for floor, value, baseline, holds in rows:
            figure = Figure("b", "f", value, "x", "base", baseline, floor)
            self.assertEqual(figure.ok, holds, f"{floor} of {value}")

    def test_a_ratio_without_a_baseline_is_missed(self):
        self.assertIs(Figure("b", "f", 1, "x", floor=ratio_at_least(1)).ok, False)

    def test_without_a_floor_there_is_no_verdict(self):
        figure = Figure("b", "f", 1, "x")
        self.assertIsNone(figure.ok)
        self.assertEqual(missed([figure]), [])


class Output(unittest.TestCase):
    figures = [
        Figure("audit", "drain", 39876.4, "events/s", "bare drain", 40000, ratio_at_least(0.9),
               {"ours": 1.25, "broker": 2.5, "database": 3, "load": 0.125}),
        Figure("latency", "p99", 31.2, "ms", floor=at_most(25), note="of three runs"),
    ]

    def test_json_has_every_member(self):
        drain = json.loads(self.figures[0].as_json())
        self.assertEqual((drain["bench"], drain["value"], drain["baseline_value"], drain["ratio"], drain["ok"]),
                         ("audit", 39876, 40000, 0.9969, True))
        self.assertEqual(drain["cpu_seconds"], {"ours": 1.25, "broker": 2.5, "database": 3, "load": 0.12})
        self.assertEqual(drain["cores"], os.cpu_count())
        latency = json.loads(self.figures[1].as_json())
        self.assertEqual((latency["ratio"], latency["baseline"], latency["ok"], latency["cpu_seconds"]),
                         (None, None, False, {}))
        self.assertEqual(set(drain), set(latency))

    def test_table_names_what_missed(self):
        lines = table(self.figures).splitlines()
        self.assertIn("39,876  events/s    40,000   1.00  ≥ 0.9 ×  ok", lines[1])
        self.assertIn("MISSED", lines[2])
        self.assertNotIn("MISSED", lines[1])
        self.assertEqual([each.figure for each in missed(self.figures)], ["p99"])
        self.assertTrue(any("of three runs" in line for line in lines))

    def test_columns_stand_below_each_other(self):
        header, *rows = table(self.figures).splitlines()[:3]
        at = header.index("FLOOR")
        self.assertTrue(all(row[at] in "≥≤" for row in rows))

    def test_numbers(self):
        for value, text in ((None, "-"), (0, "0"), (0.012345, "0.01235"), (3.14159, "3.142"), (123456.7, "123,457")):
            self.assertEqual(number(value), text)
        self.assertEqual(rounded(float("inf")), float("inf"))


if __name__ == "__main__":
    unittest.main()
