from spack_repo.esd.build_systems.wheel import WheelPackage

from spack.package import *


class PySpinnman(WheelPackage):
    """Communication with SpiNNaker machines."""

    homepage = "https://spinnakermanchester.github.io/"
    pypi = "spinnman/spinnman-1!7.4.1-py3-none-any.whl"

    license("Apache-2.0")

    version(
        "7.4.1",
        sha256="069b037ea1c202f0bb370bbc2cb0bd9ec6239d470787e6b07d8fb82e6b7de2de",
        expand=False,
    )
    version(
        "7.3.0",
        sha256="0043e60f0daf96b98e562bd74cf2c028c1c71063929a96ced1218be177a79242",
        expand=False,
    )
    version(
        "7.2.1",
        sha256="e8e487925d321d9d1ae9b80ecd7b1c12fee1598c354794f47995344746e6bbf8",
        expand=False,
    )

    depends_on("python@3.8:", type=("build", "run"))
    depends_on("py-spinnmachine@7.4.1", type="run", when="@7.4.1")
    depends_on("py-spinnmachine@7.3.0", type="run", when="@7.3.0")
    depends_on("py-spinnmachine@7.2.1", type="run", when="@7.2.1")
    depends_on("py-websocket-client", type="run")
    depends_on("py-matplotlib", type="run", when="@7.4:")
    depends_on("py-ebrains-drive@0.5.1:", type="run", when="@7.4:")

    def wheel_name(self, version):
        """The index knows the versions with an epoch; the name changed its case."""
        return f"{'spinnman' if version > Version('7.3.0') else 'SpiNNMan'}-1!{version}"
