"""A virtual MIFARE DESFire, EV1 or EV2: what lies above the blocks of ISO/IEC 14443-4 (`hardware.virtual.iso_dep`).

    card        messages in, messages out: framing, chaining, errors, the session they lose
    commands    the table of commands; picc_, application_, file_ and data_commands run them, iso7816 those of CLA 00
    security    secure messaging from the card's end: none, D40, EV1, EV2
    contents    what the EEPROM holds, as values: a command makes new contents of old
    memory      the EEPROM itself: every write passes here, so does every power cut
    file_format the contents as JSON

Rules, each with a test of its name:

- Any error aborts the transaction and drops the authentication; only a D40 session outlives it, as on real cards
  (libfreefare's test_mifare_desfire.c clears a record file again after an error without a new authentication).
- What CommitTransaction brings into force is one write: before it the card is old, after it new, never between.
"""
