"""Django with djangorestframework-simplejwt: what its "Getting started" page says, the users in
PostgreSQL, and argon2id at the cost that Passgate has by default.

    python django_app.py         makes the tables and the users
    gunicorn django_app:app      serves
"""

import os
from urllib.parse import parse_qs, unquote, urlsplit

import django
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.wsgi import get_wsgi_application
from django.urls import path

url = urlsplit(os.environ["BENCH_DATABASE_URL"])

settings.configure(
    SECRET_KEY="09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "rest_framework",
        "rest_framework_simplejwt",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [
            "rest_framework_simplejwt.authentication.JWTAuthentication"
        ]
    },
    PASSWORD_HASHERS=[f"{__name__}.Hasher"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": parse_qs(url.query)["host"][0],
            "NAME": unquote(url.path.lstrip("/")),
            "USER": unquote(url.username),
            "PASSWORD": unquote(url.password),
            "CONN_MAX_AGE": 60,
        }
    },
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)


class Hasher(Argon2PasswordHasher):
    time_cost = 2
    memory_cost = 19456
    parallelism = 1


def urls():
    from rest_framework_simplejwt.views import TokenObtainPairView

    return [path("token", TokenObtainPairView.as_view())]


django.setup()
urlpatterns = urls()

if __name__ == "__main__":
    from django.contrib.auth.hashers import make_password
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    User.objects.all().delete()
    # One hash for all: checking it costs the same.
    hashed = make_password(os.environ["BENCH_PASSWORD"])
    count = int(os.environ["BENCH_USERS"])
    User.objects.bulk_create(User(username=f"user{n}", password=hashed) for n in range(count))
else:
    app = get_wsgi_application()
