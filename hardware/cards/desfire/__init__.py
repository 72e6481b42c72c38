"""MIFARE DESFire EV1 and EV2/EV3, the reader's side; what both ends compute is here once.

- `status`: status bytes, and the error for a card that refuses.
- `cipher`, `messaging`: keys and block ciphers; checksums, paddings, communication modes.
- `legacy`, `ev1`, `ev2`: the three generations of secure messaging, each a channel with both ends' operations.
- `authentication`: the flows that open a channel, both ends.

Everything named so far is pure: no I/O, no random of its own. The virtual card uses it from its end.
"""
