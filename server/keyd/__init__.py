"""The key process: the only place where the chain's secrets are, beside the terminals' own share of them.

The web process asks it over a unix socket and never sees a master key. What it is asked to sign as a load certificate
it writes into its own log first and checks against it, so that a dump or a break-in of the web server's database cannot
mint value: P of a purse moves only by certificates in that log, L by one at a time.

`store` the key files; `issued` the log of certificates; `wire` the frames on the socket; `work` what is done for each
request; `process` the socket; `client` what the web process uses.
"""
