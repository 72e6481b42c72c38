"""The first tariff, and the lock on all of them."""

from datetime import UTC, datetime

from django.db import migrations

from onecard.tariff import encode
from server.storage import append_only
from server.tariffs.first_data import first_tariff


def add(apps, editor):
    tariff = first_tariff()
    effective = datetime.fromtimestamp(tariff.effective_at, UTC)
    apps.get_model("tariffs", "TariffVersion").objects.create(
        version=tariff.version, effective_at=effective, wire=encode(tariff), created_at=effective
    )


class Migration(migrations.Migration):
    dependencies = [("tariffs", "0001_initial")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop), append_only("tariffs_tariffversion")]
