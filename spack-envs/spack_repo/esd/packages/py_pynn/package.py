from spack_repo.builtin.build_systems.python import PythonPackage

from spack.package import *


class PyPynn(PythonPackage):
    """Simulator-independent specification of neuronal network models."""

    homepage = "https://neuralensemble.org/PyNN/"
    pypi = "pynn/pynn-0.13.0.tar.gz"

    license("CECILL-2.0")

    version("0.13.0", sha256="da2821e45055a88de6cf34896067eaaebcabbfdfb7883dd147353e7b78617815")
    version("0.12.4", sha256="3efef6a89e55fffce9828ea152648416bef456bdb338cdcfa8275e888255f6d3")
    version("0.12.3", sha256="e196f9055c46fe5c0e23f491815d16dca8db9be599a226ee11fa67605cab153d")
    version("0.11.0", sha256="eab6ef281e0a00180c8b31ffb65984f54216c68464db363a5c09832fec91f952")
    version("0.10.1", sha256="03fbafeddd64ae7163e2b557b2760380b6eceb52469f1b3f4cc203bbb80f0cde")

    variant("nest", default=False, description="Compile PyNN's own synapse models for NEST")

    depends_on("python@3.7:", type=("build", "run"))
    depends_on("python@3.8:", type=("build", "run"), when="@0.12:")
    depends_on("python@3.10:", type=("build", "run"), when="@0.13:")
    depends_on("py-setuptools@61:", type="build", when="@0.11:")
    depends_on("py-setuptools", type="build")

    depends_on("py-numpy@1.18.5:", type=("build", "run"))
    # lazyarray and neo of these versions are older than numpy 2
    depends_on("py-numpy@:1", type=("build", "run"), when="@:0.12")
    depends_on("py-lazyarray@0.5.2:", type=("build", "run"))
    depends_on("py-neo@0.11:", type=("build", "run"))
    depends_on("py-neo@0.13.4:", type=("build", "run"), when="@0.13:")
    depends_on("py-quantities@0.12.1:", type=("build", "run"))
    depends_on("py-morphio", type=("build", "run"), when="@0.12")

    with when("+nest"):
        depends_on("cxx", type="build")
        depends_on("cmake", type="build")
        depends_on("nest+python", type=("build", "link", "run"))
        depends_on("gsl", type=("build", "link"))
        depends_on("mpi", type=("build", "link"))

    def url_for_version(self, version):
        """The sdist's name changed its case."""
        name = "pynn" if version >= Version("0.12.4") else "PyNN"
        return super().url_for_version(version).replace("/pynn-", f"/{name}-")

    @when("@:0.10.1 ^nest@3.4:")
    def patch(self):
        """NEST 3.4 renamed what these sources still call `invalid_port_`; PyNN 0.11.0 has the new name."""
        for header in ("simple_stochastic_synapse.h", "stochastic_stp_synapse.h"):
            filter_file("nest::invalid_port_", "nest::invalid_port", join_path("pyNN", "nest", "extensions", header), string=True)

    @run_after("install", when="+nest")
    def compile_nest_extensions(self):
        """Left to PyNN, they would be compiled at the first import, in the user's folder, by every rank."""
        sources = join_path(python_purelib, "pyNN", "nest", "extensions")
        build = join_path(self.stage.path, "nest-extensions")
        cmake = which("cmake", required=True)
        cmake(
            "-S",
            sources,
            "-B",
            build,
            f"-Dwith-nest={self.spec['nest'].prefix.bin.join('nest-config')}",
        )
        cmake("--build", build, "--parallel", str(make_jobs))
        # Its own install target writes into NEST's prefix, which belongs to another package.
        mkdirp(self.prefix.lib.nest)
        for module in find(build, "*.so"):
            install(module, self.prefix.lib.nest)

    def setup_run_environment(self, env):
        if self.spec.satisfies("+nest"):
            env.prepend_path("LD_LIBRARY_PATH", self.prefix.lib.nest)
