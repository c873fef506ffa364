from spack_repo.builtin.packages.neuron.package import Neuron as BuiltinNeuron

from spack.package import *


class Neuron(BuiltinNeuron):
    """With newer versions, from the release archives; their checksums are those that conda-forge's recipe was built with."""

    version(
        "9.0.1",
        sha256="4bc548655c63c39913ccdc9ff5bdbcdeb040ceb147a5941ae259f42ff06df1b8",
        url="https://github.com/neuronsimulator/nrn/releases/download/9.0.1/nrn-full-src-package-9.0.1.tar.gz",
    )
    version(
        "8.2.6",
        sha256="eba1b379ae272aa2196263f6c5795f58e5dbf62c0899e82b0bb7c33dfb9c6afe",
        url="https://github.com/neuronsimulator/nrn/releases/download/8.2.6/nrn-full-src-package-8.2.6.tar.gz",
    )
    version(
        "8.2.4",
        sha256="35654c1af7e198b53b34c923be5913d5c98fbc0e2d15515ef9157ef2fdff1e52",
        url="https://github.com/neuronsimulator/nrn/releases/download/8.2.4/nrn-full-src-package-8.2.4.tar.gz",
    )
