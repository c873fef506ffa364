"""Reads the output of `node.sh`: a set of values for each node."""

from dataclasses import dataclass, field

from esd_deploy.validation.terms.observations import NotUnderstoodError, Output


@dataclass(frozen=True)
class Node:
    """A node's name in Slurm and its values; a missing value is empty."""

    name: str
    values: tuple[tuple[str, str], ...] = field(default=())

    def get(self, key: str) -> str:
        return next((value for known, value in self.values if known == key), "")

    def words(self, key: str) -> frozenset[str]:
        return frozenset(self.get(key).split())


def nodes(output: Output) -> tuple[Node, ...]:
    """The nodes by name. Raises NotUnderstoodError if no node printed anything."""
    rows = [line.split("\t", 2) for line in output.stdout.splitlines() if line.count("\t") >= 2]
    if not rows:
        raise NotUnderstoodError(f"step '{output.step}': no node answered (exit code {output.code}): {output.last_words}")
    names = sorted({row[0] for row in rows})
    return tuple(Node(name, tuple((key, value.strip()) for node, key, value in rows if node == name)) for name in names)
