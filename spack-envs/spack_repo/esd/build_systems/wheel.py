"""Packages of which the package index has a wheel only, or whose wheel carries files that its sdist lacks."""

from spack_repo.builtin.build_systems.python import PythonPackage

from spack.package import *


class WheelPackage(PythonPackage):
    """A pure Python package installed from its wheel; `pypi` names the newest one."""

    def wheel_name(self, version):
        """What stands before `-py3-none-any.whl` in the file name of this version's wheel."""
        return f"{self.pypi.split('/')[1].split('-')[0]}-{version}"

    def url_for_version(self, version):
        """Wheels lie beside the sdists, in another folder of the index."""
        index, path = self.url.split("/packages/source/", 1)
        folder = path.rsplit("/", 1)[0]
        return f"{index}/packages/py3/{folder}/{self.wheel_name(version)}-py3-none-any.whl"
