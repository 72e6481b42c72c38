"""Every address of the server."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import URLPattern, URLResolver, include, path
from django.views.i18n import set_language

from server.ingest.views import bundle, roster
from server.pages import views
from server.sites.views import enrolment

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.today, name="today"),
    path("flows/", views.flows, name="flows"),
    path("terminals/", views.terminals, name="terminals"),
    path("cases/", views.cases, name="cases"),
    path("cards/", views.find_card, name="find-card"),
    path("cards/<int:number>/", views.card, name="card"),
    path("login/", LoginView.as_view(template_name="pages/login.html"), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("language/", set_language, name="set_language"),
    path("enrol/v1", enrolment),
    path("sync/v1/bundle", bundle),
    path("sync/v1/roster", roster),
    path("", include("server.desk.urls")),
]
