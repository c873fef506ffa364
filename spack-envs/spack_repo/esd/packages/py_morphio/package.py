from spack_repo.builtin.packages.py_morphio.package import PyMorphio as BuiltinPyMorphio

from spack.package import *


class PyMorphio(BuiltinPyMorphio):
    """With a C compiler: its CMake project names no language, so CMake tries C, too."""

    depends_on("c", type="build")
