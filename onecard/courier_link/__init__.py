"""The courier's link: how a laptop pulls bundles out of a terminal over a line that may lie, and hands replies over.

Sans-I/O: bytes in, bytes out, time as an argument. Both ends share `frames` and `messages`; `port_end` is the
terminal's, `laptop_end` the laptop's. The bytes are told in docs/formats/courier-link.md.

Rules
- The laptop asks, the terminal answers; the terminal remembers nothing of a laptop but the reply it is being handed.
- Every question may be asked again: an answer says what it answers. So a lost, flipped or repeated frame costs time.
- A line keeps the order of its bytes: what was asked before something that has come is lost, and is asked again at
  once. Only the last of a window waits for the time-out.
- What is whole is known by its SHA-256 alone. The link proves nothing else: bundles and replies are signed.
"""
