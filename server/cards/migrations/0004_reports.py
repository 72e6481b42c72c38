"""Why an entry is on the hotlist, and who put it there. The table is made anew, so its triggers are too."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from server.storage import append_only


class Migration(migrations.Migration):
    dependencies = [("cards", "0003_state_rows"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.AddField(
            model_name="hotlistentry",
            name="reason",
            field=models.CharField(
                choices=[
                    ("lost", "reported lost"),
                    ("unreported", "unreported"),
                    ("copied", "copies were seen"),
                    ("forgiven", "copies looked into"),
                ],
                default="lost",
                max_length=10,
                verbose_name="reason",
            ),
        ),
        migrations.AddField(
            model_name="hotlistentry",
            name="operator",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to=settings.AUTH_USER_MODEL,
                verbose_name="clerk",
            ),
        ),
        append_only("cards_hotlistentry"),
    ]
