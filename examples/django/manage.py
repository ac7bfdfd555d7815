#!/usr/bin/python3
"""Django's own admin, and a basket in the session. Knows nothing of unstick.

    SECRET_KEY=... DATABASE=db.sqlite3 python3 manage.py migrate
    SECRET_KEY=... DATABASE=db.sqlite3 python3 manage.py createsuperuser
    SECRET_KEY=... DATABASE=db.sqlite3 SESSION_FOLDER=./sessions python3 manage.py runserver 127.0.0.1:8000

SESSION_ENGINE is `file` or `signed_cookies`, as in django.contrib.sessions.backends. The database and the secret key
are the same for all replicas, as for any Django site with more than one; the session folder is each replica's own.
"""
import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
    execute_from_command_line(sys.argv)
