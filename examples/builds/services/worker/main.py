"""Waits for work."""

import os
import time

while True:
    print("waiting for", os.environ["QUEUE"], flush=True)
    time.sleep(60)
