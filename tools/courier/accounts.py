"""The summaries people see at the end of a collection and of a delivery. Pure but for `rich`'s tables.

What terminals and servers said is `Text`: brackets in it are brackets, no markup.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from tools.courier.delivering import Delivery
from tools.courier.visit import Account


def collected_table(accounts: Sequence[Account]) -> Table:
    """What each terminal gave and took."""
    table = Table("terminal", "site", "had to send", "collected", "bundles", "KiB", "signatures", "reply", "")
    for account in accounts:
        unproved = f"{account.unproved} not checked" if account.unproved else "good" if account.bundles else "–"
        table.add_row(
            str(account.terminal),
            Text(account.site or "–"),
            str(account.backlog) if account.site else "–",
            str(account.records),
            str(account.bundles),
            f"{account.size / 1024:.0f}",
            unproved,
            Text(account.reply or "none carried"),
            "all" if account.finished else "NOT ALL",
        )
    return table


def delivered_table(deliveries: Sequence[Delivery]) -> Table:
    """What the server took of each terminal."""
    table = Table("terminal", "bundles taken", "records", "server has all up to", "left here", "why")
    for delivery in deliveries:
        table.add_row(
            str(delivery.terminal),
            str(delivery.delivered),
            str(delivery.records),
            "–" if delivery.acknowledged is None else str(delivery.acknowledged),
            str(delivery.left),
            Text(delivery.refused),
        )
    return table
