from spack_repo.builtin.build_systems.python import PythonPackage

from spack.package import *


class PyNixio(PythonPackage):
    """The NIX file format for annotated scientific data, on HDF5."""

    homepage = "https://github.com/G-Node/nixpy"
    pypi = "nixio/nixio-1.5.4.tar.gz"

    license("BSD-3-Clause")

    version("1.5.4", sha256="0aa6a44100d60acfa40430e5467d75431b10e7e4804a92735b29d6cbcf7d1863")
    version("1.5.3", sha256="0ba7a65148297bd43a5ddaf143c4faad1c999771aa1d7e690aa0a5e31f368608")

    depends_on("python@3.6:", type=("build", "run"))
    depends_on("py-setuptools", type="build")
    depends_on("py-numpy", type=("build", "run"))
    depends_on("py-h5py", type=("build", "run"))
    depends_on("py-six", type=("build", "run"))

    def patch(self):
        """The test runner is not needed to build."""
        filter_file(r"['\"]pytest-runner['\"],?", "", "setup.py")
