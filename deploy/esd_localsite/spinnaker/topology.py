"""Which chips a board has, and how links join them. Pure."""

OFFSETS = ((1, 0), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1))
"""Link → step: east, north-east, north, west, south-west, south."""

_SPIN5 = ((0, 5), (0, 6), (0, 7), (0, 8), (1, 8), (2, 8), (3, 8), (4, 8))
"""First and last x (exclusive) of each row of the 48 chips, from y = 0: a hexagon."""


def chips(version: int) -> tuple[tuple[int, int], ...]:
    """Coordinates of the chips of a SpiNN-3 (4 chips) or SpiNN-5 board (48). Raises ValueError for another version."""
    if version == 3:
        return tuple((x, y) for x in range(2) for y in range(2))
    if version == 5:
        return tuple((x, y) for y, (first, end) in enumerate(_SPIN5) for x in range(first, end))
    raise ValueError(f"board version {version}: 3 and 5 are emulated")


def dimensions(version: int) -> tuple[int, int]:
    """Columns and rows of the grid in which the chips are."""
    return (2, 2) if version == 3 else (8, 8)


def neighbour(version: int, x: int, y: int, link: int) -> tuple[int, int] | None:
    """The chip at the other end of a link, or None. The links of a SpiNN-3 board go round its edges, but for the two that lead outside."""
    dx, dy = OFFSETS[link]
    if version == 3:
        outside = (x == 0 and link in {3, 4}) or (x == 1 and link in {0, 1})
        return None if outside else ((x + dx) % 2, (y + dy) % 2)
    place = (x + dx, y + dy)
    return place if place in chips(version) else None
