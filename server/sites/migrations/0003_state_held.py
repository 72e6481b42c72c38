"""Which version of the state table a terminal holds."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sites", "0002_cinemas")]
    operations = [
        migrations.AddField(
            model_name="terminal",
            name="have_state",
            field=models.PositiveBigIntegerField(default=0, verbose_name="state table version held"),
        ),
    ]
