"""The first settings, the defaults, and the lock on all of them."""

from datetime import UTC, datetime

from django.db import migrations

from onecard.settings import DEFAULTS
from server.storage import append_only


def add(apps, editor):
    apps.get_model("limits", "SettingsVersion").objects.create(
        version=1, wire=DEFAULTS.encode(), made_by="", created_at=datetime(2026, 1, 1, tzinfo=UTC)
    )


class Migration(migrations.Migration):
    dependencies = [("limits", "0001_initial")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop), append_only("limits_settingsversion")]
