"""What `make bench` measures: one function a module, each giving names → numbers of one run.

Speed is told as a ratio to a peer measured in the same run, or as a count; bare times only where a model gives them.
"""
