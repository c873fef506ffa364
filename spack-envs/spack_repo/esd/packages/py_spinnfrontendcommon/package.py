from spack_repo.esd.build_systems.wheel import WheelPackage

from spack.package import *


class PySpinnfrontendcommon(WheelPackage):
    """What the front ends of SpiNNaker have in common."""

    homepage = "https://spinnakermanchester.github.io/"
    pypi = "spinnfrontendcommon/spinnfrontendcommon-1!7.4.1-py3-none-any.whl"

    license("Apache-2.0")

    version(
        "7.4.1",
        sha256="ac2e74d46a1b64345464d660a3d03cb5542f26c029a42dcf3ad06dec60a9c3f4",
        expand=False,
    )
    version(
        "7.3.0",
        sha256="05c04a5e321489f1e9fbc6a1fe36887021d9df1d18fe99967174c00780ffa313",
        expand=False,
    )
    version(
        "7.2.1",
        sha256="55a8d679b633d5f0538f1acd8c4de8c4672a2a5f743187b2495102795deb0251",
        expand=False,
    )

    depends_on("python@3.8:", type=("build", "run"))
    depends_on("py-spinnman@7.4.1", type="run", when="@7.4.1")
    depends_on("py-spinnman@7.3.0", type="run", when="@7.3.0")
    depends_on("py-spinnman@7.2.1", type="run", when="@7.2.1")
    depends_on("py-spinnaker-pacman@7.4.1", type="run", when="@7.4.1")
    depends_on("py-spinnaker-pacman@7.3.0", type="run", when="@7.3.0")
    depends_on("py-spinnaker-pacman@7.2.1", type="run", when="@7.2.1")
    depends_on("py-spalloc@7.4.1", type="run", when="@7.4.1")
    depends_on("py-spalloc@7.3.0", type="run", when="@7.3.0")
    depends_on("py-spalloc@7.2.1", type="run", when="@7.2.1")
    depends_on("py-scipy@0.16:", type="run")
    depends_on("py-ebrains-drive@0.5.1:", type="run", when="@:7.3")

    def wheel_name(self, version):
        """The index knows the versions with an epoch; the name changed its case."""
        return f"{'spinnfrontendcommon' if version > Version('7.3.0') else 'SpiNNFrontEndCommon'}-1!{version}"
