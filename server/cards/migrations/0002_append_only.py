"""Issued certificates and hotlist entries never change."""

from django.db import migrations

from server.storage import append_only


class Migration(migrations.Migration):
    dependencies = [("cards", "0001_initial")]
    operations = [append_only("cards_certificate", "cards_hotlistentry")]
