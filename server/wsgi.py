"""Django's WSGI application, and the gate before it that granian serves."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from server.gate import Gate

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "server.settings")
application = get_wsgi_application()
gate = Gate(application)
