from spack_repo.esd.build_systems.wheel import WheelPackage

from spack.package import *


class PySpinnutilities(WheelPackage):
    """Utilities of the SpiNNaker software stack."""

    homepage = "https://spinnakermanchester.github.io/"
    pypi = "spinnutilities/spinnutilities-1!7.4.1-py3-none-any.whl"

    license("Apache-2.0")

    version(
        "7.4.1",
        sha256="54af3767aea3fb21b7d5dd02ace08675a8acd420e183d61b6794c4859ce8b144",
        expand=False,
    )
    version(
        "7.3.0",
        sha256="053363f17f82bc8005f73691a2f88630e0ac20cf561d00367dfb191855f4e3c8",
        expand=False,
    )
    version(
        "7.2.1",
        sha256="3550268de823d3bc8ed2d778f3c423aef991cff300efbc77f4d4e0fac3f21cf4",
        expand=False,
    )

    depends_on("python@3.8:", type=("build", "run"))
    depends_on("py-appdirs", type="run")
    depends_on("py-numpy", type="run")
    depends_on("py-pyyaml", type="run")
    depends_on("py-requests", type="run")
    depends_on("py-typing-extensions", type="run")
    depends_on("py-docstring-parser", type="run", when="@7.4:")

    def wheel_name(self, version):
        """The index knows the versions with an epoch; the name changed its case."""
        return (
            f"{'spinnutilities' if version > Version('7.3.0') else 'SpiNNUtilities'}-1!{version}"
        )
