"""nats-py from inside: the one package of naq that uses nats-py's private names.

The rest of naq uses what these modules offer, and nats-py's public names.
"""
