"""All commands, as `--help` shows them. A module is loaded when one of its commands is called.

A command's sentence is the first paragraph of its help; a test compares them. An entry without a sentence is an old name, and hidden.
"""

from esd_build.program.menu import Entry

PANELS = {
    "Run": (
        Entry("run", "run.run", "Run a script at a site, wait for it, fetch its results, keep a record in OUTPUT/<id>/run.json."),
        Entry(
            "submit",
            "run.submit",
            "Submit a script and return; `attach` waits for it later. Prints the run's id; of many runs one a line, with --json an array.",
        ),
        Entry("script", "run.script", "Print a batch script that does the same as `run`, for those who call sbatch themselves."),
        Entry("rerun", "run.rerun", "Run again exactly what a record says: same script, image digest, arguments, parameters and shape."),
    ),
    "Follow": (
        Entry(
            "attach",
            "follow.attach",
            "Wait for a run that was submitted earlier and fetch its results. On another machine, give the job's URL or id, and --site.",
        ),
        Entry("watch", "follow.watch", "Follow all runs that have not ended or whose results are not here. Ctrl-C leaves them running."),
        Entry("list", "follow.list", "List the runs that have a record here, with their last known state."),
        Entry("show", "follow.show", "Show what this machine knows about a run: its table, and the files that were fetched."),
        Entry("logs", "follow.logs", "Show what a run's script has printed so far, read at the site while it runs."),
        Entry(
            "tunnel",
            "follow.tunnel",
            "Reach a port of a running run from this machine, through the site's server, until Ctrl-C or the run's end.",
        ),
        Entry("cancel", "follow.cancel", "End runs at their sites, and say what state each was in."),
        Entry(
            "ui", "follow.ui", "Serve runs, results and sites as a web page, on this machine and for you only; Ctrl-C ends it, and no run."
        ),
    ),
    "Serve": (
        Entry(
            "serve", "serve.serve", "Serve NEST over HTTP on the nodes of a job; return once it answers. `stop` ends it and saves its data."
        ),
        Entry("services", "serve.services", "List the services that have a record here: where each is, and when it ends."),
        Entry(
            "stop",
            "serve.stop",
            "End services: each saves its recorders' events, then its results are fetched. `cancel` ends one at once, and saves nothing.",
        ),
    ),
    "Results": (
        Entry("fetch", "results.fetch", "Fetch the results of a run so far."),
        Entry("delete", "results.delete", "Remove a run's job and its folder at the site; fetched files stay here."),
        Entry(
            "compare",
            "results.compare",
            "Compare two runs: rates, CV, correlation, spikes, versions. Exit code 1 if their statistics disagree.",
        ),
        Entry(
            "export",
            "results.export",
            "Write a run as a Workflow Run RO-Crate: script, inputs, results, versions and image in a standard form.",
        ),
    ),
    "Sites": (
        Entry(
            "sites",
            "sites.sites",
            "List the configured sites: your own first (~/.config/esd-images/sites/), then those of the checkout or the package.",
        ),
        Entry("site", "sites.site", "Show a site's settings, ask the site about itself, or describe a new one."),
        Entry("login", "sites.login", "Log in at a site's OpenID Connect issuer with a code that you confirm in a browser."),
        Entry(
            "drift",
            "sites.drift",
            "Compare versions, and the spikes of one seed, between the stacks of several sites and images. Exit code 1 on drift.",
        ),
        Entry(
            "fit",
            "sites.fit",
            "Tell whether a PyNN script's network fits a SpiNNaker machine: cores, chips, boards, memory, real-time factor.",
        ),
        Entry("plan", "sites.fit"),
    ),
    "Images": (
        Entry("images", "images.images", "List the images that a site keeps for jobs; --check and --gc maintain them."),
        Entry(
            "image-contents",
            "images.image_contents",
            "List the packages of an image, from the bill of materials in its registry. Runs nothing and downloads no image.",
        ),
    ),
    "Validate": (
        Entry("checks", "validate", "List the checks of `validate`, their tags, and the quick suite."),
        Entry("validate", "validate", "Check that an image works at a site, how well, and why not; exit code 1 if any check failed."),
        Entry("report", "validate", "Show which image was validated where and when: validations kept here, and verdicts in the registry."),
    ),
    "Measure": (Entry("bench", "bench.bench", "Measure a series of points at a site, and write the field's tables and curves."),),
    "Local site": (Entry("local", "local", "Start, stop and inspect a whole HPC site on this machine: Slurm, a registry, UNICORE."),),
}
