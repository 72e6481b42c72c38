"""The courier's road at the terminal: a port that an authorisation card opens, served over a serial line, a network
cable or a stick.

What is given and taken there is that of the other road: bundles from `sync_daemon.cutter`, replies to `Daemon.take`.
"""
