"""Where the package index keeps an sdist, for recipes that are not Python packages; Spack itself knows the index's address."""

from types import SimpleNamespace

from spack_repo.builtin.build_systems.python import _url


def sdist(path: str) -> str:
    """The address of `name/name-version.tar.gz`, written as in the `pypi` attribute of a Python package."""
    return _url(SimpleNamespace(pypi=path))
