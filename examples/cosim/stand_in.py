"""A stand-in for the network, without NEST: it sends so many spikes after every interval, and measures what the exchange takes.

Runs in network.py's place; `spikes` in the file stand_in.json, 100 without it.
"""

import json
import time
from pathlib import Path

import numpy as np
from meeting import meet, own_communicator, together
from network import Exchange
from remote import SPIKE
from settings import network_settings, terms_of
from terms import NETWORK

WARM = 50  # intervals that are not counted


def main() -> None:
    asked = Path("stand_in.json")
    number = json.loads(asked.read_text())["spikes"] if asked.is_file() else 100
    settings = network_settings()
    local = own_communicator(NETWORK)
    meeting = meet(local, terms_of(NETWORK, settings))
    if meeting.inter is None:
        return
    exchange, terms = Exchange(meeting), meeting.terms
    spikes = np.zeros(number, SPIKE)
    spikes["gid"] = np.arange(number) % terms.neurons
    took = []
    interval = 0
    while True:
        spikes["time_ms"] = (interval + 0.5) * terms.interval_ms
        begin = time.perf_counter()
        if not exchange.after(interval, spikes if interval < terms.intervals else spikes[:0]):
            break
        took.append((time.perf_counter() - begin) * 1e6)
        interval += 1
    warm = min(WARM, terms.intervals // 2)
    low, median, high, top = (round(float(one), 1) for one in np.percentile(took[warm : terms.intervals], (0, 50, 95, 99)))
    found = {"spikes": number, "intervals": terms.intervals - warm, "min_us": low, "median_us": median, "p95_us": high, "p99_us": top}
    Path("stand_in_result.json").write_text(json.dumps(found) + "\n")
    print(json.dumps(found))


if __name__ == "__main__":
    with together(NETWORK):
        main()
