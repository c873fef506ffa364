"""The local site's neuromorphic job queue (NMPI, version 3): the server for the unmodified `nmpi` client.

It runs beside the UNICORE endpoint, in the same process and on the same port. It runs its jobs through the same engine, as programs on
the login node. `routes` speaks HTTP, `answers` renders, `queue` keeps the jobs, `program` makes the script (pure), `results` finds what
a job left.
"""
