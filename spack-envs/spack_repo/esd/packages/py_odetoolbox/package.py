from spack_repo.builtin.build_systems.python import PythonPackage
from spack_repo.esd.build_systems.wheel import WheelPackage

from spack.package import *


class PyOdetoolbox(WheelPackage):
    """Analysis of systems of differential equations, and the choice of a solver for them."""

    homepage = "https://ode-toolbox.readthedocs.io/"
    pypi = "odetoolbox/odetoolbox-3.0.0.tar.gz"

    license("GPL-2.0-or-later")

    version("3.0.0", sha256="7008e4cb5fee72542b0a2c7d7ed88882845a2002713fab4a41eec458bd587279")
    version("2.5.12", sha256="d6c3613bbc8dfdd589cef82cb43333f1542086c97acab4e21a578401c1e9c378")
    version("2.5.10", sha256="c526a02b5106b381c43b052c569e9325d53daefe324afc4b3d1b8c76b64032b8")
    version(
        "2.5.8",
        sha256="1bc545dc0ea3031f102a39a9ba72c1e8d27b062e09d0af6a55ebb9b5b5fb4dc9",
        expand=False,
    )
    version("2.4.1", sha256="54f96d1ebb443fc32161de7e73633709822065771d316a0c7607661963457b03")

    depends_on("python@3.7:", type=("build", "run"))
    depends_on("py-setuptools", type="build")
    depends_on("py-cython", type=("build", "run"), when="@2.5.10:")
    depends_on("py-numpy@1.8.2:", type=("build", "run"))
    depends_on("py-scipy", type=("build", "run"))
    depends_on("py-sympy", type=("build", "run"))
    depends_on("py-sympy@1.14:", type=("build", "run"), when="@3:")

    def url_for_version(self, version):
        """The package index has only a wheel of 2.5.1 to 2.5.9."""
        kind = WheelPackage if version == Version("2.5.8") else PythonPackage
        return kind.url_for_version(self, version)

    @when("@:2.4,2.5.10:")
    def patch(self):
        """The test runner is not needed to build."""
        filter_file(r"setup_requires\s*=.*", "", "setup.py")
        filter_file(r".*['\"]pytest-runner['\"].*", "", "setup.py")
