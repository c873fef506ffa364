from spack_repo.builtin.build_systems.python import PythonPackage

from spack.package import *


class PyAiofiles(PythonPackage):
    """File operations for asyncio; the versions that pyunicore 2 needs."""

    homepage = "https://github.com/Tinche/aiofiles"
    pypi = "aiofiles/aiofiles-25.1.0.tar.gz"

    license("Apache-2.0")

    version("25.1.0", sha256="a8d728f0a29de45dc521f18f07297428d56992a742f0cd2701ba86e44d23d5b2")
    version("24.1.0", sha256="22a075c9e5a3810f0c2e48f3008c94d68c65d763b9b03857924c99e57355166c")

    depends_on("python@3.8:", type=("build", "run"))
    depends_on("python@3.9:", type=("build", "run"), when="@25:")
    depends_on("py-hatchling", type="build")
