"""The rows of the state table: one for every purse that has a certificate, in the order of the purses."""

from django.db import migrations, models

from onecard.downlink import Table
from server.cards.state import STATE_FIELDS, row_of

_AT_ONCE = 500


def state(apps, editor):
    """Whether an intent is open is what the ledger has concluded so far."""
    purses = apps.get_model("cards", "Purse").objects
    resolutions = apps.get_model("ledger", "Resolution").objects
    open_ones = set(resolutions.filter(state="open").values_list("purse_id", flat=True))
    version, last = 0, 0
    chosen = purses.filter(load_sequence__gt=0).select_related("card").order_by("pk")
    while some := list(chosen.filter(pk__gt=last)[:_AT_ONCE]):
        last = some[-1].pk
        for version, purse in enumerate(some, start=version + 1):
            purse.unsettled = purse.pk in open_ones
            purse.state_version, purse.state_row = version, row_of(purse)
        purses.bulk_update(some, ("unsettled", *STATE_FIELDS))
    apps.get_model("cards", "TableVersion").objects.create(table=Table.STATE.value, newest=version)


class Migration(migrations.Migration):
    dependencies = [("cards", "0002_append_only"), ("ledger", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="TableVersion",
            fields=[
                (
                    "table",
                    models.PositiveSmallIntegerField(
                        choices=[(4, "state")], primary_key=True, serialize=False, verbose_name="table"
                    ),
                ),
                ("newest", models.PositiveBigIntegerField(default=0, verbose_name="newest version")),
            ],
            options={"verbose_name": "table version", "verbose_name_plural": "table versions"},
        ),
        migrations.AddField(
            model_name="purse", name="unsettled", field=models.BooleanField(default=False, verbose_name="unsettled")
        ),
        migrations.AddField(
            model_name="purse",
            name="state_version",
            field=models.PositiveBigIntegerField(null=True, unique=True, verbose_name="version of its row"),
        ),
        migrations.AddField(
            model_name="purse",
            name="state_row",
            field=models.BinaryField(max_length=27, null=True, verbose_name="row of the state table"),
        ),
        migrations.RunPython(state, migrations.RunPython.noop),
    ]
