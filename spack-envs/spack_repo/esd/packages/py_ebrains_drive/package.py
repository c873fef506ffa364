from spack_repo.builtin.build_systems.python import PythonPackage

from spack.package import *


class PyEbrainsDrive(PythonPackage):
    """Client of the EBRAINS Drive and of its data proxy."""

    homepage = "https://github.com/HumanBrainProject/ebrains-drive"
    pypi = "ebrains-drive/ebrains_drive-0.7.0.tar.gz"

    license("Apache-2.0")

    version("0.7.0", sha256="028a181bb114099d10ef09be40bc0626e254e3bdd99af9057bade885a9f1d5fa")
    version("0.6.0", sha256="736954b8e349ccc5524dce30eb3a712e9421b8ca2db23e8bbbcdddb71f8d926d")

    depends_on("python@3.9:", type=("build", "run"), when="@0.7:")
    depends_on("python@3.7:", type=("build", "run"))
    depends_on("py-setuptools", type="build")
    depends_on("py-setuptools-scm", type="build", when="@0.7:")
    depends_on("py-requests", type=("build", "run"))
    depends_on("py-tqdm", type=("build", "run"))

    def url_for_version(self, version):
        """The sdist's name changed its separator."""
        url = super().url_for_version(version)
        return (
            url
            if version >= Version("0.6.1")
            else url.replace("/ebrains_drive-", "/ebrains-drive-")
        )
