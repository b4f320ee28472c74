"""The soak's verdict: what grows is found, what is missing too, and noise is let pass.

usage: verdict_test.py
"""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import verdict  # noqa: E402

STEADY = {
    "scheduler memory": 80 * verdict.MIB,
    "sidecar memory": 30 * verdict.MIB,
    "scheduler descriptors": 40,
    "sidecar descriptors": 30,
    "disk": 50 * verdict.MIB,
    "lateness p50": 0.002,
    "lateness p99": 0.02,
}


class VerdictTest(unittest.TestCase):
    def test_what_stays_passes(self):
        lines, failed = verdict.judge(STEADY, STEADY)
        self.assertEqual(failed, [])
        self.assertEqual(len(lines), 1 + len(verdict.FIGURES))

    def test_noise_passes(self):
        late = {name: value * 1.1 for name, value in STEADY.items()}
        self.assertEqual(verdict.judge(STEADY, late)[1], [])

    def test_each_growth_is_found(self):
        for figure in verdict.FIGURES:
            with self.subTest(figure.name):
                late = dict(STEADY)
                late[figure.name] = STEADY[figure.name] * figure.factor + figure.slack * 1.01
                self.assertEqual(verdict.judge(STEADY, late)[1], [f"{figure.name} grew"])

    def test_what_was_not_measured_fails(self):
        for figure in verdict.FIGURES:
            with self.subTest(figure.name):
                late = dict(STEADY)
                late[figure.name] = None
                self.assertEqual(verdict.judge(STEADY, late)[1], [f"{figure.name}: not measured"])

    def test_percentiles(self):
        self.assertIsNone(verdict.percentile([], 0.5))
        self.assertEqual(verdict.percentile([3, 1, 2], 0.5), 2)
        self.assertEqual(verdict.percentile(list(range(100)), 0.99), 99)


if __name__ == "__main__":
    unittest.main()
