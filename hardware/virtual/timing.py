"""The time model: what a command would take on real parts, in microseconds. A lower bound.

- UART: ten bits a byte at the speed in force.
- RF at 106 kbit/s: one bit (etu) is 128/13.56 MHz. A reader frame of n bytes with CRC is 9n + 3 etu, a card frame
  9n + 2, a four-bit ACK 59 µs. The card answers after 1236/fc, the reader goes on after 1172/fc. This gives the four
  frame times of the NXP MF1S50yyX_V1 data sheet (368, 1548, 1558, 59 µs) and its selection of 2.5 ms.
- DESFire: blocks of ISO/IEC 14443-4 are such frames, at the bit rate PPS set; EEPROM work is 1 ms a command that writes
  (NXP: "fast programming cycles"); the card computes in no time, and asks for no waiting time extension.
- EEPROM of a Classic: 3.1 ms a block, the difference between the frames of a write (2.4 ms) and the data sheet's 5.5.
- Silence: the data sheet's time-outs, by command.

Left out: the chip's own firmware (a real PN532 adds 1 to 5 ms a command; nfcpy issue 131), the host, and USB bridges.
"""

from __future__ import annotations

_FC_MHZ = 13.56
_ETU_US = 128 / _FC_MHZ
CARD_DELAY_US = 1236 / _FC_MHZ
READER_GAP_US = 1172 / _FC_MHZ
ACK_US = 59.0
EEPROM_BLOCK_US = 3100.0
DESFIRE_WRITE_US = 1000.0
AUTH_TIMEOUT_US = 1000.0
READ_TIMEOUT_US = 5000.0
WRITE_TIMEOUT_US = 10000.0
SEARCH_ROUND_US = 5000.0
"""One unanswered round of a search; an estimate, no source gives it."""


def uart_us(size: int, baud: int) -> float:
    """`size` bytes on the wire, start and stop bits included."""
    return size * 10e6 / baud


def reader_frame_us(size: int) -> float:
    """A reader frame of `size` bytes, CRC included."""
    return (9 * size + 3) * _ETU_US


def card_frame_us(size: int) -> float:
    """A card frame of `size` bytes, CRC included."""
    return (9 * size + 2) * _ETU_US


def exchange_us(sent: int, received: int, rate: int = 0) -> float:
    """One question of `sent` bytes and one answer of `received`, with both gaps, at 106 kbit/s × 2^rate."""
    return (reader_frame_us(sent) + card_frame_us(received)) / (1 << rate) + CARD_DELAY_US + READER_GAP_US


def acknowledged_us(sent: int) -> float:
    """One question of `sent` bytes and a four-bit ACK or NAK, with both gaps."""
    return reader_frame_us(sent) + CARD_DELAY_US + ACK_US + READER_GAP_US


def selection_us(uid_size: int) -> float:
    """REQA, then anticollision and selection at each cascade level of a 4- or 7-byte UID."""
    request = 9 * _ETU_US + CARD_DELAY_US + card_frame_us(2) + READER_GAP_US
    level = exchange_us(2, 5) + exchange_us(9, 3)
    return request + level * (1 if uid_size == 4 else 2)


CLASSIC_AUTH_US = exchange_us(4, 4) + exchange_us(8, 4)
CLASSIC_READ_US = exchange_us(4, 18)
CLASSIC_WRITE_US = acknowledged_us(4) + acknowledged_us(18)
CLASSIC_VALUE_US = acknowledged_us(4) + reader_frame_us(6) + AUTH_TIMEOUT_US
"""Increment, decrement, restore: the second part has no acknowledgement, the reader waits its time-out."""
CLASSIC_TRANSFER_US = acknowledged_us(4)
