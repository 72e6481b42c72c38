"""The purse: signed loads, monotone debits (docs/purse.md).

A balance is P − N. P, all that was ever loaded, is stated by a `certificate` the issuer signs; N, all that was ever
debited, by the newest valid record of the `ring`. Each number only rises and each has its own writer.

- `record`, `certificate`: the bytes on the card.
- `ring`: three records as read, and which of them is newest (P-R1).
- `bounds`: what a terminal may not believe a card to be below (P-R8).
- `plan`: what may be written next, and what a re-tap does (P-R2, R4, R5, R7). Pure.
- `delivery`: which certificate is in force, and how a newer one gets on the card (P-R16, R17). Pure.
- `spending`: whether a purse may pay a price here (P-R18, R22). Pure.
- `resolution`: what the server may conclude from a set of evidence (P-R9 … R12). Pure.
"""
