"""Local field potentials: currents through membranes become potentials at electrodes, by the line-source formula of LFPykit."""

import arbor as A
import lfpykit
import numpy as np

SHORTEST_UM = 1e-6
"""Pieces shorter than this are left out. Where two control volumes meet, Arbor gives pieces of no length, and the formula would be 0/0."""

SIGMA_S_PER_M = 0.3


def electrodes_um(count: int) -> np.ndarray:
    """Places along a shaft through the middle, from below the somata to above the tufts; shape (count, 3)."""
    heights = np.linspace(-150.0, 400.0, count)
    return np.stack([np.zeros(count), np.zeros(count), heights], axis=1)


def pieces(shape: A.morphology, cables: list[A.cable]) -> tuple[lfpykit.CellGeometry, np.ndarray]:
    """The straight pieces of all control volumes, and for each piece its control volume's number."""
    placed = A.place_pwlin(shape)
    ends, owners = [], []
    for number, cable in enumerate(cables):
        for one in placed.segments([cable]):
            begin, end = one.prox, one.dist
            if np.linalg.norm([end.x - begin.x, end.y - begin.y, end.z - begin.z]) > SHORTEST_UM:
                ends.append([(begin.x, end.x), (begin.y, end.y), (begin.z, end.z), (2 * begin.radius, 2 * end.radius)])
                owners.append(number)
    x, y, z, d = np.moveaxis(np.array(ends), 1, 0)
    return lfpykit.CellGeometry(x=x, y=y, z=z, d=d), np.array(owners)


def matrix(geometry: lfpykit.CellGeometry, owners: np.ndarray, volumes: int, electrodes: np.ndarray, at_um: np.ndarray) -> np.ndarray:
    """Potential in mV at each electrode per nA through each control volume; the cell's root stands at `at_um`. Shape (electrodes, volumes).

    The current of a control volume is spread over its pieces by their area.
    """
    x, y, z = (electrodes - at_um).T
    each = lfpykit.LineSourcePotential(geometry, x=x, y=y, z=z, sigma=SIGMA_S_PER_M).get_transformation_matrix()
    area = np.bincount(owners, geometry.area, volumes)
    found = np.zeros((len(electrodes), volumes))
    np.add.at(found.T, owners, (each * geometry.area / area[owners]).T)
    return found


def by_hand(geometry: lfpykit.CellGeometry, owners: np.ndarray, volumes: int, electrodes: np.ndarray, at_um: np.ndarray) -> np.ndarray:
    """The same by the formula: 1/(4 pi sigma L) ln|(sqrt(h^2 + r^2) - h)/(sqrt(l^2 + r^2) - l)|, to check LFPykit with."""
    begins = np.stack([geometry.x[:, 0], geometry.y[:, 0], geometry.z[:, 0]], axis=1)
    ends = np.stack([geometry.x[:, 1], geometry.y[:, 1], geometry.z[:, 1]], axis=1)
    length = np.linalg.norm(ends - begins, axis=1)
    way = (ends - begins) / length[:, None]
    off = (electrodes - at_um)[:, None, :] - ends[None, :, :]
    along = np.einsum("eps,ps->ep", off, way)  # h: from the piece's end
    radius = np.sqrt(np.maximum(np.sum(off**2, axis=2) - along**2, (geometry.d.mean(axis=1) / 2) ** 2))
    far = along + length  # l: from its beginning
    each = (np.arcsinh(far / radius) - np.arcsinh(along / radius)) / (4 * np.pi * SIGMA_S_PER_M * length)
    area = np.bincount(owners, geometry.area, volumes)
    found = np.zeros((len(electrodes), volumes))
    np.add.at(found.T, owners, (each * geometry.area / area[owners]).T)
    return found
