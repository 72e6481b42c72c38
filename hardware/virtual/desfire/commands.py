"""The table of DESFire commands: code to what checks and runs it. Sources: libfreefare, proxmark3, NXP AN12343.

Not here, and so answered "illegal command": transaction MAC files (CE; file type 5 keeps its place), CommitReaderID
(C8), key sets (C6, 56, 57, 55), delegated applications (C9), proximity check (0xF0, 0xF2, 0xFD), originality signature
(3C), UpdateRecord (DB), and EV2's ISO-chained forms (AD, 8D, AB, 8B).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hardware.cards.desfire.authentication import Method
from hardware.virtual.desfire import data_commands as data
from hardware.virtual.desfire import file_commands as files
from hardware.virtual.desfire import key_commands as keys
from hardware.virtual.desfire import picc_commands as picc
from hardware.virtual.desfire.command import Command, Guarded, Simple
from hardware.virtual.desfire.contents import Generation

ADDITIONAL_FRAME = 0xAF
_EV1: dict[int, Command] = {
    0x60: Simple((0,), picc.get_version),
    0x6E: Simple((0,), picc.get_free_memory),
    0x51: Simple((0,), picc.get_card_uid),
    0xFC: Simple((0,), picc.format_picc),
    0x5C: Guarded(1, picc.set_configuration),
    0xCA: Simple((5, *range(7, 24)), picc.create_application),
    0xDA: Simple((3,), picc.delete_application),
    0x5A: Simple((3,), picc.select_application, bare=True),
    0x6A: Simple((0,), picc.get_application_ids),
    0x6D: Simple((0,), picc.get_df_names),
    0x45: Simple((0,), keys.get_key_settings),
    0x54: Guarded(0, keys.change_key_settings),
    0x64: Simple((1,), keys.get_key_version),
    0xC4: Guarded(1, keys.change_key),
    0xCD: Simple((7, 9), files.create_standard_file),
    0xCB: Simple((7, 9), files.create_backup_file),
    0xCC: Simple((17,), files.create_value_file),
    0xC1: Simple((10, 12), files.create_linear_file),
    0xC0: Simple((10, 12), files.create_cyclic_file),
    0xDF: Simple((1,), files.delete_file),
    0x6F: Simple((0,), files.get_file_ids),
    0x61: Simple((0,), files.get_iso_file_ids),
    0xF5: Simple((1,), files.get_file_settings),
    0x5F: Guarded(1, files.change_file_settings),
    0xBD: Guarded(7, data.read_data),
    0x3D: Guarded(7, data.write_data, chains=True),
    0x6C: Guarded(1, data.get_value),
    0x0C: Guarded(1, data.credit),
    0xDC: Guarded(1, data.debit),
    0x1C: Guarded(1, data.limited_credit),
    0x3B: Guarded(7, data.write_record, chains=True),
    0xBB: Guarded(7, data.read_records),
    0xEB: Guarded(1, data.clear_record_file),
    0xC7: Simple((0,), data.commit_transaction),
    0xA7: Simple((0,), data.abort_transaction),
}
COMMANDS: Mapping[Generation, Mapping[int, Command]] = MappingProxyType(
    {
        Generation.EV1: MappingProxyType(_EV1),
        Generation.EV2: MappingProxyType({**_EV1, 0xC7: Simple((0, 1), data.commit_transaction)}),
    }
)
"""C7 with an option byte is EV2's; without a transaction MAC file it changes nothing."""
AUTHENTICATIONS: Mapping[Generation, frozenset[Method]] = MappingProxyType(
    {
        Generation.EV1: frozenset({Method.LEGACY, Method.ISO, Method.AES}),
        Generation.EV2: frozenset(Method),
    }
)
