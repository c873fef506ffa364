from spack_repo.builtin.packages.py_antlr4_python3_runtime.package import (
    PyAntlr4Python3Runtime as BuiltinPyAntlr4Python3Runtime,
)

from spack.package import *


class PyAntlr4Python3Runtime(BuiltinPyAntlr4Python3Runtime):
    """The versions that NESTML's generated parsers ask for, each exactly."""

    version("4.13.2", sha256="909b647e1d2fc2b70180ac586df3933e38919c85f98ccc656a96cd3f25ef3916")
    version("4.13.0", sha256="0d5454928ae40c8a6b653caa35046cd8492c8743b5fbc22ff4009099d074c7ae")

    depends_on("py-setuptools@61.2:", type="build", when="@4.13.2:")

    def url_for_version(self, version):
        """The sdist's name changed its separators."""
        url = super().url_for_version(version)
        return (
            url.replace("/antlr4-python3-runtime-", "/antlr4_python3_runtime-")
            if version >= Version("4.13.2")
            else url
        )
