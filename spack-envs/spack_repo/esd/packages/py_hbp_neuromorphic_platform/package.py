from spack_repo.builtin.build_systems.python import PythonPackage

from spack.package import *


class PyHbpNeuromorphicPlatform(PythonPackage):
    """Client of the EBRAINS neuromorphic job queue."""

    homepage = "https://github.com/HumanBrainProject/hbp-neuromorphic-client"
    pypi = "hbp-neuromorphic-platform/hbp_neuromorphic_platform-0.11.2.tar.gz"

    license("Apache-2.0")

    version("0.11.2", sha256="ac74412dd838e977e204c1cb812ed3520d1db89e3b3758cc7eb630d72b593f22")
    version("0.10.1", sha256="76b3acdbc63c901d158bad6d74e26f8a4ad7b10a261c1d51f1e9bf482766bae7")

    depends_on("python@3.7:", type=("build", "run"))
    depends_on("py-setuptools", type="build")
    depends_on("py-requests", type=("build", "run"))
