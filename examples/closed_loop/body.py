"""The body of the closed loop: an arm of one joint, which two muscles turn to and fro. NumPy only.

A muscle's force rises with its activation, falls with the speed at which it shortens (Hill), and has a passive part where it is stretched.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy

INERTIA = 0.02  # kg m²
DAMPING = 0.05  # N m s
LEVER = 0.03  # m, of both muscles
MAX_FORCE = 60.0  # N
MAX_SPEED = 0.5  # m/s, at which an active muscle has no force left
STIFFNESS = 400.0  # N/m, of a stretched muscle
ACTIVATION_MS = 40.0  # until a muscle follows what it is told
FINE_MS = 0.5
LIMIT = 1.2  # rad, of the joint


@dataclass
class Arm:
    """State of the arm: `angle` in rad, `velocity` in rad/s, the muscles' activation (flexor, extensor) in 0 … 1."""

    angle: float = 0.0
    velocity: float = 0.0
    activation: Any = field(default_factory=lambda: numpy.zeros(2))

    def step(self, duration_ms: float, told: Any) -> None:
        """Move on, with each muscle told an activation of 0 … 1."""
        goal = numpy.clip(numpy.asarray(told, dtype=float), 0.0, 1.0)
        for _ in range(round(duration_ms / FINE_MS)):
            self.activation = self.activation + (goal - self.activation) * FINE_MS / ACTIVATION_MS
            self._move(FINE_MS / 1000.0)

    @property
    def lengths(self) -> Any:
        """How much longer than at rest each muscle is, in m."""
        return numpy.array([-1.0, 1.0]) * LEVER * self.angle

    def _move(self, seconds: float) -> None:
        shortening = numpy.array([1.0, -1.0]) * LEVER * self.velocity
        active = self.activation * MAX_FORCE * numpy.clip(1.0 - shortening / MAX_SPEED, 0.0, 1.5)
        passive = STIFFNESS * numpy.maximum(self.lengths, 0.0)
        flexor, extensor = active + passive
        self.velocity += ((flexor - extensor) * LEVER - DAMPING * self.velocity) / INERTIA * seconds
        self.angle += self.velocity * seconds
        if abs(self.angle) > LIMIT:
            self.angle, self.velocity = float(numpy.copysign(LIMIT, self.angle)), 0.0
