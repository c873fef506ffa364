"""The one way in which requests leave esd-deploy: over verified TLS, with limits, and with credentials for their own server only."""
