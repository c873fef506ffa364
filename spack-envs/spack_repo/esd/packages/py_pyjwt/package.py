from spack_repo.builtin.packages.py_pyjwt.package import PyPyjwt as BuiltinPyPyjwt

from spack.package import *


class PyPyjwt(BuiltinPyPyjwt):
    """With the versions that pyunicore needs."""

    version("2.10.1", sha256="3cc5772eb20009233caf06e9d8a0577824723b44e6648ee0a2aedb6cf9381953")
    version("2.8.0", sha256="57e28d156e3d5c10088e0c68abb90bfac3df82b40a71bd0daa20c65ccd5c23de")

    depends_on("python@3.7:", type=("build", "run"), when="@2.8:")
    depends_on("python@3.9:", type=("build", "run"), when="@2.10:")
    depends_on("py-typing-extensions@4:", type=("build", "run"), when="@2.8: ^python@:3.7")

    def url_for_version(self, version):
        """The sdist's name changed its case."""
        url = super().url_for_version(version)
        return url.replace("/PyJWT-", "/pyjwt-") if version >= Version("2.9") else url
