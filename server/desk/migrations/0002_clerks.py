"""The group of those who may order desk jobs and give them up."""

from django.db import migrations

MAY = {"add_job": "Can add desk job", "change_job": "Can change desk job"}


def add(apps, editor):
    # Django makes permissions after the last migration; those that stand here already it leaves alone.
    kind, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(app_label="desk", model="job")
    clerks, _ = apps.get_model("auth", "Group").objects.get_or_create(name="clerk")
    permissions = apps.get_model("auth", "Permission").objects
    for codename, name in MAY.items():
        permission, _ = permissions.get_or_create(content_type=kind, codename=codename, defaults={"name": name})
        clerks.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("desk", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
