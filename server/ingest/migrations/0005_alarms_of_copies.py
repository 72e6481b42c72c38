"""Two more things that a person must look at. Choices only."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ingest", "0004_tampered_cards")]
    operations = [
        migrations.AlterField(
            model_name="alarm",
            name="kind",
            field=models.CharField(
                choices=[
                    ("fork", "two records under one name"),
                    ("chain", "a broken chain"),
                    ("unreadable", "an unreadable record"),
                    ("contradiction", "contradicting records"),
                    ("unproved", "a record that no chain leads to"),
                    ("lost", "records lost at a terminal"),
                    ("unknown-purse", "a debit on a purse we did not issue"),
                    ("purse-fork", "two durable records at one counter of a purse"),
                    ("unjournalled", "a record on a card that its terminal never journalled"),
                    ("copied", "copies of a card, put on the hotlist"),
                    ("overdrawn", "more debited than loaded"),
                    ("refused", "a certificate refused by the key process"),
                    ("revoked", "a revoked terminal spoke"),
                ],
                max_length=16,
                verbose_name="kind",
            ),
        ),
    ]
