from spack_repo.builtin.packages.py_neo.package import PyNeo as BuiltinPyNeo

from spack.package import *


class PyNeo(BuiltinPyNeo):
    """With the versions of the newer releases, and the NIX file format."""

    version("0.14.6", sha256="450ee8704c61929ca85ce0e62c338c3c461c2325318703627d8a573f23779ab6")
    version("0.13.4", sha256="b7264acb7ba7eeaa0a8e91a15ae4dbc8b4dd56c3e38bc7d1cc0442dc5b71dd72")
    version("0.13.3", sha256="2d3f5900e6c887cb2e8df4181ba23531e71d7c740d6eea0c97877743313d28ae")

    variant("nix", default=False, description="Read and write NIX files")

    depends_on("python@3.9:", type=("build", "run"), when="@0.13.4:")
    depends_on("python@3.10:", type=("build", "run"), when="@0.14:")
    depends_on("python@:3.12", type=("build", "run"), when="@0.13.4")
    depends_on("py-setuptools@78.0.2:", type="build", when="@0.14:")
    depends_on("py-numpy@1.22.4:1", type=("build", "run"), when="@0.13.3:0.13.4")
    depends_on("py-numpy@1.25.2:", type=("build", "run"), when="@0.14:")
    depends_on("py-numpy@:1", type=("build", "run"), when="@:0.13.2")
    depends_on("py-quantities@0.14.1:", type=("build", "run"), when="@0.13.3:")
    depends_on("py-quantities@0.16.1:", type=("build", "run"), when="@0.13.4:")
    depends_on("py-quantities@0.16.4:", type=("build", "run"), when="@0.14:")
    depends_on("py-nixio@1.5:", type=("build", "run"), when="+nix")
