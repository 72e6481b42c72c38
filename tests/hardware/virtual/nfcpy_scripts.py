"""What nfcpy does with the virtual reader, as scripts: run by this Python and, in soak, by another one."""

CLASSIC_BY_CHIPSET = """
import sys, time
import nfc.clf.pn532, nfc.clf.transport
link, rounds = sys.argv[1], int(sys.argv[2])
for _ in range(rounds):
    device = nfc.clf.pn532.init(nfc.clf.transport.TTY(link))
    assert device.chipset.transport.baudrate == 921600
    device.close()
device = nfc.clf.pn532.init(nfc.clf.transport.TTY(link))
chip = device.chipset
target = chip.in_list_passive_target(1, 0, b"")
uid = bytes(target[-4:])
print("target", target.hex())
auth = lambda key, block, code: chip.in_data_exchange(bytes([code, block]) + key + uid, 1.0)
auth(b"\\xff" * 6, 4, 0x60)
chip.in_data_exchange(b"\\xa0\\x04" + bytes(range(16)), 1.0)
print("read", chip.in_data_exchange(b"\\x30\\x04", 1.0)[0].hex())
try:
    chip.in_data_exchange(b"\\x30\\x08", 1.0)
except chip.Error as error:
    print("refused", error.errno)
assert chip.in_list_passive_target(1, 0, b"")
try:
    auth(b"\\x00" * 6, 4, 0x60)
except chip.Error as error:
    print("wrong key", error.errno)
print("sense", device.sense_tta(nfc.clf.RemoteTarget("106A")))
device.close()
print("done")
"""
"""Rounds of init and close, then list, authenticate, write, read, and two refusals."""

TYPE_4_TAG = """
import sys
import nfc, nfc.clf.pn532, nfc.clf.transport, nfc.tag.tt4, ndef
clf = nfc.ContactlessFrontend()
clf.device = nfc.clf.pn532.init(nfc.clf.transport.TTY(sys.argv[1]))
target = clf.sense(nfc.clf.RemoteTarget("106A"))
tag = nfc.tag.activate(clf, target)
assert isinstance(tag, nfc.tag.tt4.Type4Tag), tag
print("version", tag.transceive(bytearray.fromhex("9060000000")).hex())
print("more", tag.transceive(bytearray.fromhex("90af000000")).hex())
print("rest", tag.transceive(bytearray.fromhex("90af000000")).hex())
print("present", tag.is_present)
tag.ndef.records = [ndef.TextRecord("x" * 700)]
tag = nfc.tag.activate(clf, clf.sense(nfc.clf.RemoteTarget("106A")))
print("text", len(tag.ndef.records[0].text), tag.ndef.capacity)
clf.close()
print("done")
"""
"""Its Type 4 tag: it sends RATS itself (E0 80: frames of 256 bytes) and speaks the blocks through InCommunicateThru."""
