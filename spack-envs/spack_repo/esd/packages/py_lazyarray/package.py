from spack_repo.builtin.packages.py_lazyarray.package import PyLazyarray as BuiltinPyLazyarray

from spack.package import *


class PyLazyarray(BuiltinPyLazyarray):
    """With the versions that know numpy 2."""

    version("0.7.0", sha256="d3607f0e856a5a8807213edc1cf71facf34238d61173280f9671c2844d64bcfa")
    version("0.6.0", sha256="89135aaff7497f9499d1b1d6709ae05cc4852bcbe55ab997a57eeddf77c4182e")

    depends_on("python@3.8:", type=("build", "run"), when="@0.6:")
    depends_on("python@3.10:", type=("build", "run"), when="@0.7:")
    depends_on("py-setuptools@61:", type="build", when="@0.6:")
    depends_on("py-numpy@1.20.3:", type=("build", "run"), when="@0.6:")
    depends_on("py-numpy@1.23.5:", type=("build", "run"), when="@0.7:")
    depends_on("py-numpy@:1", type=("build", "run"), when="@:0.5")
