# SPDX-License-Identifier: Apache-2.0
import unittest

import notes


class Test(unittest.TestCase):
    def test_index(self):
        self.assertIn("version", notes.index())
