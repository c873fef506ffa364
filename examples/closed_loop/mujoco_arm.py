"""The body of the closed loop in MuJoCo: an upper arm and a forearm, four muscles with tendons, gravity and contact.

Needs the package `mujoco` on the client's machine only (`pip install mujoco`): NumPy is enough for the arm of `body.py`.
"""

from typing import Any

import mujoco
import numpy

FINE_MS = 1.0
MODEL = """
<mujoco model="arm">
  <option timestep="0.001" integrator="implicitfast"/>
  <default>
    <geom type="capsule" size="0.02" density="1000"/>
    <joint axis="0 1 0" damping="0.1"/>
    <muscle ctrlrange="0 1" timeconst="0.01 0.04" force="80"/>
  </default>
  <worldbody>
    <geom name="table" type="plane" size="1 1 0.1" pos="0 0 -0.75"/>
    <body name="upper">
      <joint name="shoulder" range="-60 60"/>
      <geom name="humerus" fromto="0 0 0 0 0 -0.3"/>
      <site name="chest" pos="0.05 0 0.05"/><site name="back" pos="-0.05 0 0.05"/>
      <site name="biceps_origin" pos="0.03 0 -0.02"/><site name="triceps_origin" pos="-0.03 0 -0.02"/>
      <site name="chest_end" pos="0.03 0 -0.1"/><site name="back_end" pos="-0.03 0 -0.1"/>
      <body name="fore" pos="0 0 -0.3">
        <joint name="elbow" range="-130 0"/>
        <geom name="radius" fromto="0 0 0 0 0 -0.25"/>
        <geom name="hand" type="sphere" size="0.035" pos="0 0 -0.28"/>
        <site name="biceps_end" pos="0.03 0 -0.05"/><site name="triceps_end" pos="-0.03 0 0.02"/>
      </body>
    </body>
    <site name="girdle_front" pos="0.08 0 0.02"/><site name="girdle_back" pos="-0.08 0 0.02"/>
  </worldbody>
  <tendon>
    <spatial name="pectoral"><site site="girdle_front"/><site site="chest_end"/></spatial>
    <spatial name="dorsal"><site site="girdle_back"/><site site="back_end"/></spatial>
    <spatial name="biceps"><site site="biceps_origin"/><site site="biceps_end"/></spatial>
    <spatial name="triceps"><site site="triceps_origin"/><site site="triceps_end"/></spatial>
  </tendon>
  <actuator>
    <muscle name="biceps" tendon="biceps"/><muscle name="triceps" tendon="triceps"/>
    <muscle name="pectoral" tendon="pectoral"/><muscle name="dorsal" tendon="dorsal"/>
  </actuator>
</mujoco>
"""
"""Lengths in m, forces in N, angles of ranges in degrees."""


class MujocoArm:
    """The flexor of the loop is the biceps, the extensor the triceps; both muscles of the shoulder keep `tone`."""

    def __init__(self, tone: float = 0.05) -> None:
        self._model = mujoco.MjModel.from_xml_string(MODEL)
        self._data = mujoco.MjData(self._model)
        self._tone = tone

    @property
    def angle(self) -> float:
        """How far the elbow is bent, in rad."""
        return -float(self._data.joint("elbow").qpos[0])

    def step(self, duration_ms: float, told: Any) -> None:
        """Move on, with flexor and extensor told an activation of 0 … 1."""
        flexor, extensor = numpy.clip(numpy.asarray(told, dtype=float), 0.0, 1.0)
        self._data.ctrl[:] = flexor, extensor, self._tone, self._tone
        mujoco.mj_step(self._model, self._data, round(duration_ms / FINE_MS))
