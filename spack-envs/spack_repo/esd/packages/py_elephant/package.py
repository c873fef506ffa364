from spack_repo.builtin.packages.py_elephant.package import PyElephant as BuiltinPyElephant

from spack.package import *


class PyElephant(BuiltinPyElephant):
    """With the versions of the newer releases."""

    version("1.2.1", sha256="8af766f828afd59bcb23cbac7aa7185fe15d00ad47d753984455a0e32bad3522")
    version("1.1.1", sha256="c08b89358b52e826bd081ee5a530728fe487c45f5d0539ec97ebdaed9c106e89")
    version("1.1.0", sha256="4085a8fcac3ab855f2585d017d17a1589c74adfbd930f7a1e012f2f5bd994e71")

    depends_on("python@3.9:", type=("build", "run"), when="@1.2:")
    depends_on("py-setuptools@61:", type="build", when="@1.2:")
    depends_on("py-numpy@:1", type=("build", "run"), when="@:1.1")
    depends_on("py-numpy@2:", type=("build", "run"), when="@1.2:")
    depends_on("py-scipy@1.10:", type=("build", "run"), when="@1.1:")
