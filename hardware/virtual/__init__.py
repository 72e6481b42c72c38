"""Virtual twins of the terminal's hardware: a PN532 on a pseudo-terminal, and cards in files.

A command's way: `pty_link` → `service` → `chip` (frames, speed, sleep) → `host_commands` → `initiator` → `field` →
`picc` (activation) → `classic_card` → `eeprom` (tears) → `card_file`. Everything from `chip` to `eeprom` is without
clock and chance; `process.VirtualReader` runs it all as a child process.

What is not modelled:

- Of the chip: its firmware's own time (1 to 5 ms a command on real parts), being a target (TgInitAsTarget waits until
  it is aborted), FeliCa, type B, Jewel and NFC-DEP (never found), raw frames without parity, the CIU's FIFO, timers and
  analogue side, GPIO, the SAM, handshake lines, low-battery mode at power-up, power consumption.
- Of the air: noise, lost and damaged frames, range, a card that wakes slowly, two cards answering at once inside a
  selection (anticollision always succeeds; raw frames tell the collision), bit rates above 106 kbit/s.
- Of MIFARE Classic: the Crypto1 bit stream and everything that breaks it (nonces, NAK leak, nested and darkside
  attacks; a raw authentication gets no answer), the behaviour of clones and magic cards, wear, 2K and 4K sizes,
  operands below zero (refused).
- Of tears: which microsecond gives which mode; a tear disturbs no block but the one being written.
- Of the line: framing errors (bytes at another speed are dropped whole), hardware flow control, USB bridges.
"""
