"""One ASGI application of the services: `python -m esd_localsite.front --config FILE.json`."""
