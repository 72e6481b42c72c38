"""Virtual twins of the terminal's hardware: a PN532 on a pseudo-terminal, and cards in files.

A command's way: `pty_link` → `service` → `chip` (frames, speed, sleep) → `host_commands` → `initiator` → `field` →
`picc` (activation) → `classic_card` → `eeprom` (tears) → `card_file`. To a DESFire, from `picc` on: `iso_dep_card` (its
blocks, `iso_dep`) → `desfire.card` → `desfire.memory` (power cuts) → `card_file`; the reader's blocks are the chip's
(`iso_dep_reader`) or the host's. Everything from `chip` to the memories is without clock and chance;
`process.VirtualReader` runs it all as a child process.

What is not modelled:

- Of the chip: its firmware's own time (1 to 5 ms a command on real parts), being a target (TgInitAsTarget waits until
  it is aborted), FeliCa, type B, Jewel and NFC-DEP (never found), raw frames without parity, the CIU's FIFO, timers and
  analogue side, GPIO, the SAM, handshake lines, low-battery mode at power-up, power consumption.
- Of the air: noise, lost and damaged frames, range, a card that wakes slowly, two cards answering at once inside a
  selection (anticollision always succeeds; raw frames tell the collision), bit rates above 106 kbit/s.
- Of MIFARE Classic: the Crypto1 bit stream and everything that breaks it (nonces, NAK leak, nested and darkside
  attacks; a raw authentication gets no answer), the behaviour of clones and magic cards, wear, 2K and 4K sizes,
  operands below zero (refused).
- Of ISO/IEC 14443-4: the frame waiting time and its extension (the card is never slow), NAD, blocks lost on air, two
  activated cards at once (the chip deselects one to speak to the other), the guard time after RATS.
- Of MIFARE DESFire: transaction MACs, rolling key sets, delegated applications, several access right sets, EV2's
  ISO-chained forms of the data commands, UpdateRecord, proximity check, originality signature (all "illegal command"),
  ISO 7816 authentication (6D00), ISO commands under a session (only what is free), setting the ATS (9E), other sizes
  than 4K, frames above 64 bytes; the exact cost of an application in EEPROM is an estimate; side channels, wear.
- Of power cuts in a DESFire: a write inside the card's own atomic mechanism is not shown half done; a long write to a
  standard file is one write at the end of the command, not one a frame.
- Of tears: which microsecond gives which mode; a tear disturbs no block but the one being written.
- Of the line: framing errors (bytes at another speed are dropped whole), hardware flow control, USB bridges.
"""
