"""A card that contradicts itself is a reason too. Choices only: the table and its triggers stand."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ingest", "0003_losses")]
    operations = [
        migrations.AlterField(
            model_name="declinedtap",
            name="reason",
            field=models.PositiveSmallIntegerField(
                choices=[
                    (1, "two cards"),
                    (2, "foreign card"),
                    (3, "unreadable ring"),
                    (4, "card behind"),
                    (5, "needs update"),
                    (6, "short of money"),
                    (7, "hotlisted"),
                    (8, "expired"),
                    (9, "wrong kind"),
                    (10, "bad certificate"),
                    (11, "card moved"),
                    (12, "offline cap"),
                    (13, "worn out"),
                    (14, "no price"),
                    (15, "out of service"),
                    (16, "tampered"),
                ],
                verbose_name="reason",
            ),
        ),
    ]
