"""The real UNICORE/X server with UNICORE's own TSI, on the site's Slurm: `local up --server unicorex`.

This folder contains nothing of UNICORE. Maven fetches the server by `programs/pom.xml`; each file is checked against `jars.sha256`
beside it. The TSI is an archive, a folder or its public repository, checked against `tsi.sha256`. This room writes their configuration
and runs the front.
"""
