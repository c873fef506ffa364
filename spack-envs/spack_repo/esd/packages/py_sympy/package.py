from spack_repo.builtin.packages.py_sympy.package import PySympy as BuiltinPySympy

from spack.package import *


class PySympy(BuiltinPySympy):
    """With the versions that odetoolbox 3 and NESTML up to 8.0.0 need."""

    version("1.14.0", sha256="d3d3fe8df1e5a0b42f0e7bdf50541697dbe7d23746e894990c030e2b05e72517")
    version("1.10.1", sha256="5939eeffdf9e152172601463626c022a2c27e75cf6278de8d401d50c9d58787b")

    depends_on("python@3.9:", type=("build", "run"), when="@1.14:")
