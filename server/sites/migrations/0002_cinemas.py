"""The first cinemas."""

from django.db import migrations

from server.sites.first_data import CINEMAS


def add(apps, editor):
    site = apps.get_model("sites", "Site")
    site.objects.bulk_create(site(code=code, name_zh=zh, name_en=en) for code, zh, en in CINEMAS)


class Migration(migrations.Migration):
    dependencies = [("sites", "0001_initial")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
