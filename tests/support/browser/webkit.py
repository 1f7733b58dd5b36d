#!/usr/bin/python3
"""A browser for WebKitWebDriver that keeps an HTTP cache and the cookies of other sites, and writes its pages' console
to the file CONSOLE. The driver discards what a browser prints, and the driver's usual browser, MiniBrowser, has
private sessions: no cache, no console."""

import os

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import Gtk, WebKit2  # noqa: E402


def main():
    console = os.open(os.environ["CONSOLE"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(console, 1)
    os.dup2(console, 2)
    context = WebKit2.WebContext.get_default()
    context.set_automation_allowed(True)
    context.connect("automation-started", started)
    Gtk.main()


def started(context, session):
    # Earlier, this sometimes blocks the start.
    context.get_cookie_manager().set_accept_policy(WebKit2.CookieAcceptPolicy.ALWAYS)
    information = WebKit2.ApplicationInfo()
    information.set_name("tests")
    session.set_application_info(information)
    session.connect("create-web-view", view)


def view(_session):
    settings = WebKit2.Settings()
    settings.set_enable_write_console_messages_to_stdout(True)
    view = WebKit2.WebView(is_controlled_by_automation=True, settings=settings)
    window = Gtk.Window()
    window.set_default_size(1024, 768)
    window.add(view)
    window.show_all()
    return view


main()
