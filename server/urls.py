"""Every address of the server."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from server.ingest.views import bundle
from server.sites.views import enrolment

urlpatterns: list[URLPattern | URLResolver] = [
    path("enrol/v1", enrolment),
    path("sync/v1/bundle", bundle),
    path("", include("server.desk.urls")),
]
