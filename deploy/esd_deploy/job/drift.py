"""The probe of `esd-deploy drift`: a small network with a fixed seed, and a hash of its spikes. Writes drift.json.

Runs on whatever Python and NEST a stack has; where there is no NEST it says so, for a hash that could not be had is no agreement.
"""

import hashlib
import json
import os
import struct
from pathlib import Path

NEURONS, INPUTS, DURATION_MS, SEED = 500, 50, 300.0, 20260101


def spikes() -> list[tuple[float, int]]:
    """Spike times (ms) and senders of a recurrent network of integrate-and-fire neurons on Poisson noise; one thread, no MPI."""
    os.environ["PYNEST_QUIET"] = "1"
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait leave a busy node to others
    import nest  # noqa: PLC0415 - a stack without it says so

    nest.ResetKernel()
    nest.set_verbosity("M_ERROR")
    nest.SetKernelStatus({"resolution": 0.1, "rng_seed": SEED, "local_num_threads": 1})
    cells = nest.Create("iaf_psc_exp", NEURONS)
    noise = nest.Create("poisson_generator", params={"rate": 12000.0})
    recorder = nest.Create("spike_recorder")
    nest.Connect(noise, cells, syn_spec={"weight": 60.0, "delay": 1.5})
    rule = {"rule": "fixed_indegree", "indegree": INPUTS}
    nest.Connect(cells, cells, rule, {"weight": -20.0, "delay": 1.5})
    nest.Connect(cells, recorder)
    nest.Simulate(DURATION_MS)
    events = nest.GetStatus(recorder, "events")[0]
    return sorted(zip((float(t) for t in events["times"]), (int(s) for s in events["senders"]), strict=True))


def main() -> None:
    """Write what was found, or why nothing was."""
    try:
        found = spikes()
    except ImportError as error:
        report: dict[str, object] = {"spikes": None, "hash": None, "reason": f"no NEST here: {error}"}
    else:
        digest = hashlib.sha256(b"".join(struct.pack("<di", time, sender) for time, sender in found)).hexdigest()
        rate = len(found) / NEURONS / (DURATION_MS / 1000.0)
        report = {"spikes": len(found), "hash": digest, "rate_hz": rate, "reason": ""}
    asked = Path("probes.json")
    if asked.is_file():
        from drift_probes import study  # type: ignore[import-not-found]  # noqa: PLC0415 - it is sent along with the questions

        report["study"] = study(json.loads(asked.read_text(encoding="utf-8")))
    Path("drift.json").write_text(json.dumps(report) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
