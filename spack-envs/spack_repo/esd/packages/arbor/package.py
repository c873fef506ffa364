from spack_repo.builtin.packages.arbor.package import Arbor as BuiltinArbor
from spack_repo.esd.package_index import sdist

from spack.package import *


class Arbor(BuiltinArbor):
    """With newer versions, from the sdists of the package index."""

    pypi = "arbor/arbor-0.10.0.tar.gz"

    version(
        "0.12.1",
        sha256="b5975e8c185490c4b76ca4a76497d523b7540e81aa20cbf48780b09c391c17fd",
        url=sdist("arbor/arbor-0.12.1.tar.gz"),
    )
    version(
        "0.10.0",
        sha256="f68fffc6b3d311cbfbf45c5108394d275bec867139a2ba7e37bfb5d0437426f1",
        url=sdist("arbor/arbor-0.10.0.tar.gz"),
    )

    depends_on("cmake@4:", type="build", when="@0.12:")
    depends_on("python@3.9:", type=("build", "run"), when="@0.10: +python")
    depends_on("python@3.10:", type=("build", "run"), when="@0.12: +python")
    depends_on("py-pybind11-stubgen", type="build", when="@0.12: +python")
