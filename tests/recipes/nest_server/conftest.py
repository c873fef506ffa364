import pytest
from tests.recipes.nest_server.fakes import Cluster

from esd_nest_server.kernel import Call


@pytest.fixture
def ask():
    """Makes a cluster of n ranks; called, it answers one call."""
    made = []

    def cluster(size):
        made.append(Asked(size))
        return made[-1]

    yield cluster
    for one in made:
        one.cluster.end()


class Asked:
    def __init__(self, size):
        self.cluster = Cluster(size)

    def __call__(self, name, *args, **kwargs):
        return self.cluster.team.ask([Call(name, args, kwargs)]).values[0]
