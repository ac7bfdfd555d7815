"""A basket in Flask-Session's files: the client has an id, the session is a file beside the app. Knows nothing of unstick.

    SECRET_KEY=... SESSION_FOLDER=flask_session PORT=5000 python3 app.py
"""
import os

from flask import Flask, redirect, request, session
from flask_session import Session

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]
app.config["SESSION_TYPE"] = "filesystem"
app.config["SESSION_FILE_DIR"] = os.environ.get("SESSION_FOLDER", "flask_session")
Session(app)


@app.get("/health")
def health():
    return "ok"


@app.post("/login")
def login():
    session["user"] = request.form["user"]
    return redirect("/basket")


@app.post("/logout")
def logout():
    session.clear()
    return redirect("/basket")


@app.get("/basket")
def basket():
    return {"user": session.get("user"), "items": session.get("items", [])}


@app.post("/basket")
def add():
    session["items"] = session.get("items", []) + [request.form["item"]]
    return redirect("/basket")


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "5000")), threaded=True)
