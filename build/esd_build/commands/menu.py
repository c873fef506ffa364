"""All commands, as `--help` shows them. A module is loaded when one of its commands is called.

A command's sentence is the first paragraph of its help; a test compares them. An entry without a sentence is an old name, and hidden.
"""

from esd_build.program.menu import Entry

PANELS = {
    "Images": (
        Entry("list", "build", "List the images and their environments."),
        Entry("image", "build", "Build an image into dist/images/ and print its path."),
        Entry("prepare", "build", "Make a folder in which plain `apptainer build` builds the image, to read or to debug."),
        Entry("test", "build", "Check a built image against its contract: versions, MPI, labels, a NESTML model."),
        Entry("new", "new", "Write the files of a new image that adds Python packages to another one. Prints them, and what to do next."),
        Entry(
            "plan",
            "plan",
            "Show what would be built and why, in which form, how long it takes, and which sources cannot be fetched. Builds nothing.",
        ),
        Entry("size", "images", "Show how much of an image each package takes. Shares of the compressed file are estimates."),
        Entry(
            "sbom",
            "images",
            "Print the bill of materials of a built image (CycloneDX, JSON); the file is beside the image, and `push` attaches it.",
        ),
        Entry("verify", "images", "Build an image again from nothing and compare it, file by file, with the one in dist/images/."),
        Entry("oci", "images", "Make the same image for Docker or Podman, in their store; prints its name and identifier."),
        Entry("cache", "images", "Show or prune what is kept between builds."),
        Entry("matrix", "matrix", "List the images that can be built: every recipe with every environment that it goes with."),
        Entry(
            "built", "matrix", "Write the images of dist/images/ into the table of docs/measurements/built.md: when, size, contract, sites."
        ),
    ),
    "Registry": (
        Entry("push", "publish", "Push a built image, read it back, and print its reference with digest."),
        Entry("tags", "publish", "Explain an image's tags: those that a push would write, and with --registry those that exist."),
        Entry("promote", "publish", "Move the environment's tag to an image that is already in the registry."),
        Entry(
            "inspect",
            "publish",
            "Show an image in a registry: digest, labels, and what is attached to it (bill of materials, provenance, signatures).",
        ),
        Entry("add-document", "publish", "Add a document to an image in a registry; prints the digest of the attachment."),
        Entry("attach", "publish"),
        Entry("sign", "publish", "Sign an image in a registry by its digest, as `cosign sign --key` does; prints what was signed."),
        Entry("keys", "publish", "Make a pair of keys for `esd-build sign`, in cosign's format; the private one is encrypted."),
    ),
    "Models": (
        Entry("model", "model", "Generate and compile code from a NESTML model, inside an image; once for each model and image."),
        Entry(
            "portability",
            "model",
            "Take the models of models/ to NEST and to SpiNNaker, run one neuron of each, and compare. Exit code 1 if one disagrees.",
        ),
    ),
    "Environments": (
        Entry("spack", "environments.spack", "Maintain environments that Spack installs: locks, sources, built packages."),
        Entry("esd", "environments.esd", "Compare our releases with the real manifest of the EBRAINS Software Distribution."),
    ),
}
