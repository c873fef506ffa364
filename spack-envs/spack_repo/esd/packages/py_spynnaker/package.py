from spack_repo.esd.build_systems.wheel import WheelPackage

from spack.package import *


class PySpynnaker(WheelPackage):
    """PyNN on SpiNNaker; the wheel carries the binaries that run on the machine."""

    homepage = "https://spinnakermanchester.github.io/"
    pypi = "spynnaker/spynnaker-1!7.4.1-py3-none-any.whl"

    license("Apache-2.0")

    version(
        "7.4.1",
        sha256="7914e0ad2bb7a6476e2df52919133e63e2d76a2bd0a8ab3db1dc6d3c1cbed9b4",
        expand=False,
    )
    version(
        "7.3.0",
        sha256="b058c754374c919e19f2c684f161fdaabad2a1f49cf8527861980eee2f7a3503",
        expand=False,
    )
    version(
        "7.2.1",
        sha256="b7d77d1edad69c3eafb6accc3133c34367ca0ef7f34a0d7a36ef79376f23e0d5",
        expand=False,
    )

    depends_on("python@3.8:", type=("build", "run"))
    depends_on("py-spinnfrontendcommon@7.4.1", type="run", when="@7.4.1")
    depends_on("py-spinnfrontendcommon@7.3.0", type="run", when="@7.3.0")
    depends_on("py-spinnfrontendcommon@7.2.1", type="run", when="@7.2.1")
    depends_on("py-quantities", type="run")
    depends_on("py-pynn@0.11:0.11,0.12.1:", type="run")
    depends_on("py-neo", type="run")
    depends_on("py-lazyarray", type="run")
    depends_on("py-csa", type="run")
    depends_on("py-matplotlib", type="run", when="@:7.3")
    depends_on("py-scipy", type="run", when="@:7.3")

    def wheel_name(self, version):
        """The index knows the versions with an epoch; the name changed its case."""
        return f"{'spynnaker' if version > Version('7.3.0') else 'sPyNNaker'}-1!{version}"
