from spack_repo.esd.build_systems.wheel import WheelPackage

from spack.package import *


class PySpinnakerPacman(WheelPackage):
    """Partitions, places and routes networks onto SpiNNaker machines."""

    homepage = "https://spinnakermanchester.github.io/"
    pypi = "spinnaker-pacman/spinnaker_pacman-1!7.4.1-py3-none-any.whl"

    license("Apache-2.0")

    version(
        "7.4.1",
        sha256="7e65a2a644d9b94ddd4d915ae19d04aa91d493534b233f5317429c777d873832",
        expand=False,
    )
    version(
        "7.3.0",
        sha256="449935a4f4b0a8765cb3e9a186b7676382f7042ce022f7b9383504d335f0f7b4",
        expand=False,
    )
    version(
        "7.2.1",
        sha256="1e6da132eb487c5770ee86a2468ea77822ad0a875b5928a79b0a064a880ebac6",
        expand=False,
    )

    depends_on("python@3.8:", type=("build", "run"))
    depends_on("py-spinnutilities@7.4.1", type="run", when="@7.4.1")
    depends_on("py-spinnutilities@7.3.0", type="run", when="@7.3.0")
    depends_on("py-spinnutilities@7.2.1", type="run", when="@7.2.1")
    depends_on("py-spinnmachine@7.4.1", type="run", when="@7.4.1")
    depends_on("py-spinnmachine@7.3.0", type="run", when="@7.3.0")
    depends_on("py-spinnmachine@7.2.1", type="run", when="@7.2.1")
    depends_on("py-jsonschema", type="run")
    depends_on("py-typing-extensions", type="run", when="@:7.3")
    depends_on("py-deprecated", type="run", when="@7.4:")

    def wheel_name(self, version):
        """The index knows the versions with an epoch; the name changed its case."""
        return f"{'spinnaker_pacman' if version > Version('7.3.0') else 'SpiNNaker_PACMAN'}-1!{version}"
