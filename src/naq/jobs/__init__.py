"""One job on the server: published, looked up, tried again through an outage."""
