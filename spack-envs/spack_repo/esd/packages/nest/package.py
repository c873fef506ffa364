from spack_repo.builtin.build_systems.cmake import CMakePackage
from spack_repo.esd.package_index import sdist

from spack.package import *


class Nest(CMakePackage):
    """Simulator for spiking neural network models, from single neurons to networks across a supercomputer."""

    homepage = "https://www.nest-simulator.org"
    url = "https://github.com/nest/nest-simulator/archive/refs/tags/v3.8.tar.gz"
    pypi = "nest-simulator/nest_simulator-3.10.0.tar.gz"

    license("GPL-2.0-or-later")

    # 3.10.0 is on the package index; the tag archives' checksums are those that conda-forge's recipe was built with.
    version("3.10.0", sha256="8fbd7df4a3e941784d4b1d5825ded234bdc915238faac0982c62e4cb80134d52")
    version("3.9", sha256="8e67b9dcb72b029f24f3d70ff6d3dd64776dc21bf3e458c822c862677d67d076")
    version("3.8", sha256="eb255f8828be001abea0cddad2f14d78b70857fc82bece724551f27c698318c8")
    version("3.7", sha256="b313e03aa05a0d8053b895a1d14ea42e75805393c6daa0cbc62f9398d0dacd8b")
    version("3.6", sha256="68d6b11791e1284dc94fef35d84c08dd7a11322c0f1e1fc9b39c5e6882284922")
    # The tag of 3.5 was moved once; this is the archive since then.
    version("3.5", sha256="3cdf5720854a4d8a7d359f9de9d2fb3619a0be2e36932028d6940360741547bd")
    version("3.4", sha256="c56699111f899045ba48e55e87d14eca8763b48ebbb3648beee701a36aa3af20")
    version("3.3", sha256="179462b966cc61f5785d2fee770bc36f86745598ace9cd97dd620622b62043ed")

    variant("python", default=True, description="Build the Python interface")
    variant("mpi", default=True, description="Build with MPI")
    variant("openmp", default=True, description="Build with OpenMP threads")
    variant(
        "gsl", default=True, description="Build the models that need the GNU Scientific Library"
    )
    variant(
        "unity",
        default=True,
        when="@3.10:",
        description="Compile many sources at once, several times as fast",
    )

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.19:", type="build", when="@3.10:")
    depends_on("cmake@3.12:", type="build")
    depends_on("pkgconfig", type="build")
    # NEST loads compiled models through libltdl.
    depends_on("libtool", type=("build", "link"))
    depends_on("gsl", when="+gsl")
    depends_on("mpi", when="+mpi")
    depends_on("readline", when="@:3.9")
    depends_on("boost@1.62:", type=("build", "link"), when="@3.4:3.9")
    conflicts("%gcc@:10", when="@3.10:", msg="NEST 3.10 is C++20")

    with when("+python"):
        extends("python")
        depends_on("python@3.8:", type=("build", "link", "run"))
        depends_on("python@3.9:", type=("build", "link", "run"), when="@3.10:")
        depends_on("py-cython@0.28.3:", type="build")
        depends_on("py-cython@:2", type="build", when="@:3.6")
        # Its pynestkernel.pyx names Python 2's `long`, which Cython knows no more since 3.1.
        depends_on("py-cython@:3.0", type="build", when="@:3.8")
        depends_on("py-setuptools", type="build")
        depends_on("py-numpy", type=("build", "run"))
        depends_on("py-scipy", type="run")
        # pynest of these versions was written before numpy 2
        depends_on("py-numpy@:1", type=("build", "run"), when="@:3.7")

    def url_for_version(self, version):
        """Releases on the package index come from there, older ones from their tags."""
        if version >= Version("3.10"):
            return sdist(f"nest-simulator/nest_simulator-{version}.tar.gz")
        return f"https://github.com/nest/nest-simulator/archive/refs/tags/v{version}.tar.gz"

    @run_before("cmake", when="+unity")
    def guard_headers(self):
        """A unity build needs include guards that these headers lack."""
        for name in (
            "nest_impl",
            "urbanczik_archiving_node_impl",
            "secondary_event_impl",
            "eprop_archiving_node_recurrent_impl",
        ):
            header = join_path(self.stage.source_path, "nestkernel", f"{name}.h")
            with open(header) as file:
                text = file.read()
            if not text.startswith("#pragma once"):
                with open(header, "w") as file:
                    file.write(f"#pragma once\n{text}")

    def cmake_args(self):
        spec = self.spec
        # with-optimize replaces CMake's own release flags; without NDEBUG simulations take 1.3 times as long.
        args = [
            self.define("with-optimize", "-O3;-DNDEBUG"),
            self.define("with-python", "+python" in spec),
            self.define("with-mpi", "+mpi" in spec),
            self.define("with-openmp", "+openmp" in spec),
            self.define("with-gsl", spec["gsl"].prefix if "+gsl" in spec else "OFF"),
            self.define("with-ltdl", spec["libtool"].prefix),
            self.define("with-boost", spec["boost"].prefix if spec.satisfies("^boost") else "OFF"),
            self.define("CMAKE_INSTALL_LIBDIR", "lib"),
        ]
        if spec.satisfies("@:3.9"):
            args.append(self.define("with-readline", spec["readline"].prefix))
        if spec.satisfies("+unity"):
            args += [
                self.define("CMAKE_UNITY_BUILD", True),
                self.define("CMAKE_UNITY_BUILD_BATCH_SIZE", 16),
            ]
        if spec.satisfies("+python"):
            args.append(self.define("Python_EXECUTABLE", python.path))
        return args

    @run_after("install", when="@3.10:")
    def link_library_folder(self):
        """What links with NEST looks for its own libraries in lib/nest, too."""
        mkdirp(self.prefix.lib.nest)

    def setup_run_environment(self, env):
        env.set("NEST_INSTALL_DIR", self.prefix)
