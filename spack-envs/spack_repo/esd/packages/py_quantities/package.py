from spack_repo.builtin.packages.py_quantities.package import PyQuantities as BuiltinPyQuantities

from spack.package import *


class PyQuantities(BuiltinPyQuantities):
    """With the versions that neo 0.13 and later need."""

    version("0.16.4", sha256="f5b6deb74f6ed814ec56b204dcf7b5d3c526456157de48e5a78681064f98bf36")
    version("0.16.2", sha256="1f7c24f10d9ff57ddf751a358ea2fdfa9914516722f06a788ef4a2924c77d21c")
    version("0.15.0", sha256="9ea31e2a0d7517cf24d546b14146def9292639993a616cca61b875ef796b4b2b")

    depends_on("python@3.9:", type=("build", "run"), when="@0.16:")
    depends_on("python@3.10:", type=("build", "run"), when="@0.16.4:")
    depends_on("py-numpy@1.20:", type=("build", "run"), when="@0.15:")
    depends_on("py-numpy@1.24:", type=("build", "run"), when="@0.16.4:")
    # up to 0.15 it uses what numpy 2 removed
    depends_on("py-numpy@:1", type=("build", "run"), when="@:0.15")
