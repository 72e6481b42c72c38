"""The rules that an explorer can switch off, and what it then does instead.

The product has no such switch: each is an explorer's, put beside or in place of what the product decides. docs/purse.md
(Explorers) lists them with the search that catches each; a test keeps that table true.
"""

from __future__ import annotations

from enum import Enum, unique


@unique
class Switch(Enum):
    """One rule off. Value: rules, hole of docs/purse.md, what happens instead."""

    # The ring (M1).
    R2_WRITTEN_FIRST = "R2", "H7", "the card is written before the journal"
    R2_REFRESHED = "R2, R5", "H5", "a re-tap rewrites the newest record in place, whoever wrote it"
    R3_PAID_ON_READ = "R3", "H1", "paid when the record reads back though no acknowledgement came"
    R4_NOT_BLANKED = "R4", "H8", "unreadable blocks are left as they are before an append"
    R4_NOT_BLANKED_AT_RETAP = "R4", "H9", "and before a re-tap's own rewrite"
    R5_PAID_ON_SEEN = "R5", "H2", "a re-tap that sees the own record pays without writing"
    R5_LAST_REWRITTEN = "R5", "H11", "a re-tap writes over the only readable record"
    R5_BASE_BEHIND = "R5, R8", "I7", "a re-tap holds the base against what is known to stand on the own record"
    R6_VOID_ON_READ = "R6, R10", "H3", "a re-tap that sees the base calls the sale void, for ever"
    R7_NAMES_REUSED = "R7", "H10", "sequences are not burned"
    R7_UNSENT_NAMES_FREE = "R7", "H27", "the name of an intent that was never sent is used again"
    R9_REFUNDED_ON_READ = "R9, R11", "H4", "the server refunds an abandoned debit that somebody read"
    R11_REFUNDED_OPEN = "R11", "H6", "the server refunds a durable sale that is still in doubt"

    # Certificates (M3).
    R16_NO_RECORD_FIRST = "R16", "H17", "a certificate is written without a null record first"
    R16_IN_PLACE = "R16", "H17", "a certificate is written over the copy in force"
    R16_BEFORE_ALL_ACKS = "R16", "H18", "a certificate is put in force before all its blocks were acknowledged"
    R16_TWO_COMMITS = "R16", "H18", "on DESFire the certificate is committed before the record that names it"
    R5_CERTIFICATE_LEFT = "R5, R16", "H30", "on DESFire a re-tap writes its record without its certificate"
    R17_KNOWN_BY_READ = "R17", "H29", "a certificate that was only read is taken for the last in force"
    R17_LAST_HEARD = "R14, R17", "H19", "a terminal keeps and delivers the certificate it heard of last"
    R17_MODULO_ONLY = "R17", "H29", "a certificate is taken for the one in force when L agrees modulo 8"

    # The attacker (M2).
    R5_BRANCHES_MIXED = "R5", "H28", "an own record is paid though a bound above it may be of another branch"
    R5_RETAP_UNJUDGED = "R5, R8", "H13", "a re-tap is not held against what the terminal knows"
    R8_NO_BOUND = "R8, R13", "H12", "a terminal remembers no lower bound"
    R8_COUNTER_ONLY = "R8", "H14", "a card is believed by its counter, whatever its N"
    R11_REFUNDED_BEYOND = "R11", "H15", "a debit is refunded of which more was reported than the head states"
    R15_NO_FLOOR = "R15", "H15", "certificates carry no floor"
    R22_NO_CAP = "R22", "H12", "no cap on what a card may take from a terminal between two syncs"

    def __init__(self, rules: str, hole: str, instead: str) -> None:
        self.rules = rules
        self.hole = hole
        self.instead = instead
