"""The SAM: the module that holds a terminal's debit keys and computes with them.

`port` is what it is asked; `software` is one that lives in the terminal's own process.
"""
