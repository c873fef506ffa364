from spack_repo.builtin.build_systems.python import PythonPackage

from spack.package import *


class PyPyunicore(PythonPackage):
    """Client of UNICORE's REST interfaces: jobs, files, workflows."""

    homepage = "https://github.com/HumanBrainProject/pyunicore"
    pypi = "pyunicore/pyunicore-2.0.2.tar.gz"

    license("BSD-3-Clause")

    version("2.0.2", sha256="db370de7a91f2908026fed3a16ae0430a226170b1390bb4ebd665a1673dedf58")
    version("1.2.0", sha256="5c6cb04986689a754af47eb4f628863486632a9d4e73dc3e992c066737495b72")
    version("1.1.1", sha256="6be3b8157bba1012d31da3a5c1236f35a034f5ab656eefb045943fa72ebec795")
    version("0.14.1", sha256="7efd4784d55ef02c4da4431232b54505814666577165c0f320c922ed2b32af01")

    depends_on("python@3.7:", type=("build", "run"))
    depends_on("python@3.9:", type=("build", "run"), when="@2:")
    depends_on("py-setuptools", type="build")
    depends_on("py-pyjwt@2:", type=("build", "run"))
    depends_on("py-pyjwt@2.8:", type=("build", "run"), when="@1:")
    depends_on("py-requests@2.5:", type=("build", "run"), when="@:1")
    depends_on("py-httpx@0.28.1:", type=("build", "run"), when="@2:")
    depends_on("py-aiofiles@24:", type=("build", "run"), when="@2:")
