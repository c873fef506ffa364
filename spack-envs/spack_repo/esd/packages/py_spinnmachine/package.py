from spack_repo.esd.build_systems.wheel import WheelPackage

from spack.package import *


class PySpinnmachine(WheelPackage):
    """Description of SpiNNaker machines: boards, chips, links."""

    homepage = "https://spinnakermanchester.github.io/"
    pypi = "spinnmachine/spinnmachine-1!7.4.1-py3-none-any.whl"

    license("Apache-2.0")

    version(
        "7.4.1",
        sha256="1a963838bbb46152b4b409b4794cf0645c220d18a707394a3146844a486a151a",
        expand=False,
    )
    version(
        "7.3.0",
        sha256="579f3ac74225d0b6dcb15456c7afadd538bd45fdaaa520684092bb339c0ee782",
        expand=False,
    )
    version(
        "7.2.1",
        sha256="c78c4daedc04e167929ada9e5890be10f09f5b07874e8aa7d658c782c54a8956",
        expand=False,
    )

    depends_on("python@3.8:", type=("build", "run"))
    depends_on("py-spinnutilities@7.4.1", type="run", when="@7.4.1")
    depends_on("py-spinnutilities@7.3.0", type="run", when="@7.3.0")
    depends_on("py-spinnutilities@7.2.1", type="run", when="@7.2.1")

    def wheel_name(self, version):
        """The index knows the versions with an epoch; the name changed its case."""
        return f"{'spinnmachine' if version > Version('7.3.0') else 'SpiNNMachine'}-1!{version}"
