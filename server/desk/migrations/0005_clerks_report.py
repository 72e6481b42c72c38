"""Clerks put cards on the hotlist and take them off at their holders' wish."""

from django.db import migrations


def add(apps, editor):
    # As in 0002: Django makes permissions after the last migration, and leaves alone those that stand here already.
    kind, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(app_label="cards", model="hotlistentry")
    permission, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=kind, codename="add_hotlistentry", defaults={"name": "Can add hotlist entry"}
    )
    apps.get_model("auth", "Group").objects.get(name="clerk").permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [("desk", "0004_renew_keys"), ("cards", "0004_reports")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
