"""A basket in Flask's own session: a signed cookie that holds the whole session. Knows nothing of unstick.

    SECRET_KEY=... PORT=5000 python3 app.py
"""
import os

from flask import Flask, redirect, request, session

app = Flask(__name__)
# The same on every replica, as for any Flask app with more than one.
app.secret_key = os.environ["SECRET_KEY"]


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
