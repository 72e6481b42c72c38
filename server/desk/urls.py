"""Addresses of the issuing desks: the clerk's page, and what stations ask."""

from __future__ import annotations

from django.urls import path

from server.desk import pages
from server.desk.station_views import station

urlpatterns = [
    path("desk/", pages.desk, name="desk"),
    path("desk/jobs/", pages.jobs, name="desk-jobs"),
    path("desk/issue/", pages.issue, name="desk-issue"),
    path("desk/load/", pages.load, name="desk-load"),
    path("desk/renew-keys/", pages.renew_keys, name="desk-renew-keys"),
    path("desk/report-lost/", pages.report_lost, name="desk-report-lost"),
    path("desk/unreport/", pages.unreport, name="desk-unreport"),
    path("desk/forgive-copies/", pages.forgive_copies, name="desk-forgive-copies"),
    path("desk/jobs/<int:job>/end/", pages.end, name="desk-job-end"),
    path("desk/v1/next", station, {"verb": "next"}),
    path("desk/v1/card", station, {"verb": "card"}),
    path("desk/v1/done", station, {"verb": "done"}),
    path("desk/v1/recover", station, {"verb": "recover"}),
]
