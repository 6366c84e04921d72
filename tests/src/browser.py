#!/usr/bin/env python3
"""A browser without a screen: opens the address it is given, logs in where it is asked to, and comes back.

BROWSER_USER and BROWSER_PASSWORD fill the login form; BROWSER_DECISION (allow, deny) answers the consent page.
What it sees is appended to BROWSER_LOG, and END when it is through.
"""
import html.parser
import http.cookiejar
import os
import sys
import urllib.error
import urllib.parse
import urllib.request


class Forms(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.forms = []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.forms.append({"action": attributes.get("action", ""), "method": attributes.get("method", "get"),
                               "fields": {}, "buttons": []})
        elif tag in ("input", "button") and self.forms and attributes.get("name"):
            field = (attributes["name"], attributes.get("value", ""))
            kind = attributes.get("type", "submit" if tag == "button" else "text")
            if kind == "submit":
                self.forms[-1]["buttons"].append(field)
            elif kind != "checkbox" or "checked" in attributes:
                self.forms[-1]["fields"][field[0]] = field[1]


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


opener = urllib.request.build_opener(
    NoRedirects(), urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))


def log(text):
    if os.environ.get("BROWSER_LOG"):
        with open(os.environ["BROWSER_LOG"], "a") as file:
            file.write(text + "\n")


def load(url, form=None):
    data = urllib.parse.urlencode(form).encode() if form is not None else None
    request = urllib.request.Request(url, data=data, headers={"Accept": "text/html", "Origin": origin(url)})
    try:
        answer = opener.open(request, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    body = answer.read(1 << 20).decode("utf-8", "replace")
    log("{} {} {}".format("POST" if data else "GET", url, answer.status))
    return answer.status, answer.headers.get("Location"), body


def origin(url):
    parts = urllib.parse.urlsplit(url)
    return "{}://{}".format(parts.scheme, parts.netloc)


def fill(form):
    fields = dict(form["fields"])
    for name, variable in (("username", "BROWSER_USER"), ("password", "BROWSER_PASSWORD")):
        if name in fields:
            fields[name] = os.environ.get(variable, "")
    decision = os.environ.get("BROWSER_DECISION", "allow")
    buttons = [button for button in form["buttons"] if button[1] == decision] or form["buttons"][:1]
    fields.update(buttons)
    return fields


def visit(url):
    form = None
    for _ in range(12):
        status, location, body = load(url, form)
        if location:
            url, form = urllib.parse.urljoin(url, location), None
            parts = urllib.parse.urlsplit(url)
            if parts.fragment and not parts.query:
                # What a page with JavaScript does: it loads, and hands over what is behind the `#`.
                load("{}://{}/".format(parts.scheme, parts.netloc))
                url = "{}://{}/?{}".format(parts.scheme, parts.netloc, parts.fragment)
            continue
        parser = Forms()
        parser.feed(body)
        forms = [form for form in parser.forms if form["method"].lower() == "post"]
        if status != 200 or not forms:
            return
        form = fill(forms[0])
        url = urllib.parse.urljoin(url, forms[0]["action"] or url)


try:
    visit(sys.argv[1])
except OSError as error:
    log("failed: {}".format(error))
finally:
    log("END")
