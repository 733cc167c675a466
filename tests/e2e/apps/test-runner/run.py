# SPDX-License-Identifier: Apache-2.0
import sys
import time

import redis

for _ in range(100):
    try:
        redis.Redis(host="redis").set("a", 1)
        break
    except redis.ConnectionError:
        time.sleep(0.1)
with open("/greeting", encoding="ascii") as f:
    greeting = f.read().strip()
with open("/reports/junit.xml", "w", encoding="ascii") as f:
    f.write(f"<tests greeting='{greeting}'/>\n")
sys.exit(3)
