"""Postings never change."""

from django.db import migrations

from server.storage import append_only


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]
    operations = [append_only("ledger_posting")]
