"""Renewing keys as a work of the desks."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Names only: the column stays."""

    dependencies = (("desk", "0003_loaded_not_written"),)

    operations = (
        migrations.AlterField(
            model_name="job",
            name="action",
            field=models.PositiveSmallIntegerField(
                choices=[(1, "issue"), (2, "load"), (3, "read"), (4, "renew keys")], verbose_name="work"
            ),
        ),
    )
