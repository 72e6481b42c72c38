"""Records and their columns never change."""

from django.db import migrations

from server.storage import append_only


class Migration(migrations.Migration):
    dependencies = [("ingest", "0001_initial")]
    operations = [
        append_only(
            "ingest_record",
            "ingest_flow",
            "ingest_flowoutcome",
            "ingest_declinedtap",
            "ingest_shiftturn",
            "ingest_start",
            "ingest_quarantined",
        )
    ]
