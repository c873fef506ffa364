from spack_repo.builtin.build_systems.python import PythonPackage

from spack.package import *


class PyCsa(PythonPackage):
    """The connection-set algebra: connectivity of neuronal networks as sets."""

    homepage = "https://github.com/INCF/csa"
    pypi = "csa/csa-0.1.13.tar.gz"

    license("GPL-3.0-or-later")

    version("0.1.13", sha256="ab194303bdb940366f45aad55346d50b2fc3c42c23d6c785f80dea5f5d97d32f")
    version("0.1.12", sha256="15e7103f3df32871951785880b2fe6a18056768ba31a7cc053ba553717c4b2de")

    depends_on("python@3.8:", type=("build", "run"))
    depends_on("py-setuptools@77.0.3:", type="build", when="@0.1.13:")
    depends_on("py-setuptools", type="build")
    depends_on("py-numpy", type=("build", "run"))
    depends_on("py-matplotlib", type=("build", "run"))
