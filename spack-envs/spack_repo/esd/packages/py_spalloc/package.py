from spack_repo.esd.build_systems.wheel import WheelPackage

from spack.package import *


class PySpalloc(WheelPackage):
    """Client of the server that allocates SpiNNaker machines."""

    homepage = "https://spinnakermanchester.github.io/"
    pypi = "spalloc/spalloc-1!7.4.1-py3-none-any.whl"

    license("Apache-2.0")

    version(
        "7.4.1",
        sha256="be06e919eaf38e078367cc9cf72b0cb9d65da85314058ebaea850099558f67d1",
        expand=False,
    )
    version(
        "7.3.0",
        sha256="9ee06d56511a3e021cc4672d428fe1ae7877ddf52c56d992ce45107759e50040",
        expand=False,
    )
    version(
        "7.2.1",
        sha256="8a0a06a786f859c117bc9e288611064ae57d3d2c7ee0a7e0ffa9820e6b43a363",
        expand=False,
    )

    depends_on("python@3.8:", type=("build", "run"))
    depends_on("py-spinnutilities@7.4.1", type="run", when="@7.4.1")
    depends_on("py-spinnutilities@7.3.0", type="run", when="@7.3.0")
    depends_on("py-spinnutilities@7.2.1", type="run", when="@7.2.1")
    depends_on("py-jsonschema", type="run")

    def wheel_name(self, version):
        """The index knows the versions with an epoch."""
        return f"spalloc-1!{version}"
