"""The registers of the PN532 a host can read and write: a store, with a meaning for the few that steer raw exchanges.

Names and bits: PN532/C1 data sheet §8.6.23 (CIU registers at 6301..633F). What is written is read back; registers this
model computes are named here. Timers, the FIFO as a transmitter, and analogue settings have no effect.
"""

from __future__ import annotations

TX_MODE = 0x6302
RX_MODE = 0x6303
MANUAL_RCV = 0x630D
STATUS2 = 0x6338
FIFO_DATA = 0x6339
FIFO_LEVEL = 0x633A
CONTROL = 0x633C
BIT_FRAMING = 0x633D
_CRC_ENABLE = 0x80
_PARITY_DISABLE = 0x10
_CRYPTO1_ON = 0x08
_LAST_BITS = 0x07
_RESET = {
    TX_MODE: 0x80,
    RX_MODE: 0x80,
    0x6305: 0x40,
    0x6327: 0x80,
    FIFO_DATA: 0x26,
    CONTROL: 0x10,
}
"""Values after reset. FIFOData shows the REQA last sent: nfcpy reads it to tell silence from a collision."""


class Registers:
    """Addresses 0..FFFF to bytes; never written means 0."""

    def __init__(self) -> None:
        self._values = dict(_RESET)

    def read(self, address: int) -> int:
        return self._values.get(address, 0)

    def write(self, address: int, value: int) -> None:
        if address == FIFO_LEVEL:
            value &= 0x7F  # bit 7 flushes and reads 0
        if address == CONTROL:
            value = value & ~_LAST_BITS | self.read(CONTROL) & _LAST_BITS  # RxLastBits is read-only
        self._values[address] = value

    def use_iso14443a(self) -> None:
        """As InListPassiveTarget sets up the CIU for type A at 106 kbit/s."""
        self._values[TX_MODE] = self._values[RX_MODE] = _CRC_ENABLE
        self._values[FIFO_DATA] = 0x26
        self._values[BIT_FRAMING] = 0
        self.crypto1_on = False

    @property
    def tx_crc(self) -> bool:
        return bool(self.read(TX_MODE) & _CRC_ENABLE)

    @property
    def rx_crc(self) -> bool:
        return bool(self.read(RX_MODE) & _CRC_ENABLE)

    @property
    def parity_off(self) -> bool:
        return bool(self.read(MANUAL_RCV) & _PARITY_DISABLE)

    @property
    def tx_last_bits(self) -> int:
        return self.read(BIT_FRAMING) & _LAST_BITS

    @property
    def crypto1_on(self) -> bool:
        return bool(self.read(STATUS2) & _CRYPTO1_ON)

    @crypto1_on.setter
    def crypto1_on(self, on: bool) -> None:
        self._values[STATUS2] = self.read(STATUS2) & ~_CRYPTO1_ON | (_CRYPTO1_ON if on else 0)

    def received_bits(self, last_bits: int) -> None:
        """RxLastBits after a reception: how many bits of the last byte count, 0 for all."""
        self._values[CONTROL] = self.read(CONTROL) & ~_LAST_BITS | last_bits
