from spack_repo.builtin.packages.python_venv.package import PythonVenv as BuiltinPythonVenv

from spack.package import *


class PythonVenv(BuiltinPythonVenv):
    """With a variant for a Python that is an external: the packages that came with it stay visible."""

    variant(
        "system", default=False, description="See the site packages of the Python it is made from"
    )

    def install(self, spec, prefix):
        options = ("--system-site-packages",) if spec.satisfies("+system") else ()
        python("-m", "venv", "--without-pip", *options, prefix)
