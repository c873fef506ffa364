"""The local site's UNICORE REST endpoint: the server for the unmodified pyunicore. `python -m esd_localsite.front --config FILE`.

The parts, from the edge inwards: `server` and `*_routes` speak HTTP, `answers` renders. `engine` drives the jobs; `machine` decides
(pure, in the words of `life`). `description`, `resources` and `script` turn a job description into scripts (pure). `actions`, `batch`
and `processes` act. `workspace` and `files` reach the job user's files with that user's rights.
"""
