from spack_repo.esd.build_systems.wheel import WheelPackage

from spack.package import *


class PyNestml(WheelPackage):
    """Domain-specific language for neuron and synapse models; generates code for NEST, and since 6.0 for SpiNNaker."""

    homepage = "https://nestml.readthedocs.io/"
    pypi = "nestml/nestml-9.0.0-py3-none-any.whl"

    license("GPL-2.0-or-later")

    version(
        "9.0.0",
        sha256="3b8d4b785f35c995c8348b0627d7e713c259a52a9a38b0f410f0b98f11d6f2fc",
        expand=False,
    )
    version(
        "8.2.0",
        sha256="184ee83ae38acc62156118b59a2a87edea2545250f314e7235b39cd9250cab28",
        expand=False,
    )
    version(
        "8.0.2",
        sha256="de922578104099f2c54cfe777f13f6efe12c4247d812948ad351e9b1ecb9969d",
        expand=False,
    )
    version(
        "8.0.0",
        sha256="bb2182fadd5f3ff7fa538e7f9865bafefb8be67938c83028174491768e88ef09",
        expand=False,
    )
    version(
        "7.0.2",
        sha256="3611239ff8436bf1c74b878562564007285c6da5df0317c6cd52f65e6bcd3f8b",
        expand=False,
    )
    version(
        "6.0.0",
        sha256="224993f175b9599a3662e65afdaf57e355246c0eab5f88b795fdb089ea28b39e",
        expand=False,
    )
    version(
        "5.1.0",
        sha256="25af431407eb448612affd5a5b296098e35578cdd0e06ee9efe571aacada0b2a",
        expand=False,
    )

    depends_on("python@3.8:", type=("build", "run"))
    depends_on("py-setuptools", type="run")
    depends_on("py-numpy@1.8.2:", type="run")
    depends_on("py-scipy", type="run")
    depends_on("py-jinja2@2.10:", type="run")
    depends_on("py-astropy", type="run")
    depends_on("py-typing-extensions", type="run", when="@9: ^python@:3.11")
    depends_on("py-semver", type="run", when="@8.2:")

    depends_on("py-sympy@1.1.1:1.10", type="run", when="@:8.0.0")
    depends_on("py-sympy", type="run")

    depends_on("py-antlr4-python3-runtime@4.13.2", type="run", when="@8:")
    depends_on("py-antlr4-python3-runtime@4.13.0", type="run", when="@6:7")
    depends_on("py-antlr4-python3-runtime@4.10", type="run", when="@:5")

    depends_on("py-odetoolbox@3:", type="run", when="@9:")
    depends_on("py-odetoolbox@2.5.9:2", type="run", when="@8.0.2:8")
    # It passes `simplify_expression`, which ODE-toolbox knows no more since 2.5.9. With 2.4, its neurons compute something else without a
    # word: one with a refractory period, at 1000 pA, never fires, where NEST's own fires 25 times.
    depends_on("py-odetoolbox@2.5.8", type="run", when="@7:8.0.1")
    depends_on("py-odetoolbox@2.4.0:2.4", type="run", when="@:6")

    def wheel_name(self, version):
        """It changed its case."""
        return f"{'nestml' if version >= Version('8.3') else 'NESTML'}-{version}"
