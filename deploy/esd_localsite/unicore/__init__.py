"""The local site's UNICORE REST endpoint: what the unmodified pyunicore talks to. `python -m esd_localsite.unicore --config FILE`.

The parts, from the edge inwards: `server` and `*_routes` speak HTTP, `answers` renders, `engine` drives the jobs, `life` decides (pure),
`description`, `resources` and `script` turn a job description into scripts (pure), `batch` and `processes` act, `files` are files as the job user.
"""
