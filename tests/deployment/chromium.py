"""A headless Chromium, driven over its DevTools protocol by a pipe: no package needed.

Keys and the pointer are real input events, as a visitor's are.
"""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import time

KEYS = {
    "Enter": (13, "\r"),
    "Tab": (9, ""),
    "Escape": (27, ""),
    "End": (35, ""),
    "Home": (36, ""),
    "ArrowLeft": (37, ""),
    "ArrowUp": (38, ""),
    "ArrowRight": (39, ""),
    "ArrowDown": (40, ""),
}
PATIENCE = 30  # seconds until a page that does not become what is waited for has failed


def find_browser():
    """Path of a Chromium, or None."""
    return shutil.which("chromium") or shutil.which("google-chrome")


class Chromium:
    """One browser with one page; a context manager.

    Args:
        folder: for its profile.
        size: (width, height) of the window, CSS pixels.
    """

    def __init__(self, folder, size=(1200, 900)):
        orders, self._orders = os.pipe()
        self._answers, answers = os.pipe()
        # The protocol is spoken on descriptors 3 and 4; out of the way of these first.
        own = [fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (orders, answers)]
        command = [find_browser(), "--headless=new", "--no-sandbox", "--disable-gpu"]
        command += ["--disable-dev-shm-usage", "--remote-debugging-pipe"]
        command += [f"--user-data-dir={folder}", "--no-first-run", "about:blank"]
        moved = f'exec "$@" 3<&{own[0]} 4>&{own[1]}'
        self._process = subprocess.Popen(
            ["bash", "-c", moved, "bash", *command],
            pass_fds=own,
            stderr=subprocess.DEVNULL,
        )
        for end in (orders, answers, *own):
            os.close(end)
        self._bytes, self._count, self._session = b"", 0, None
        self._events = {}  # the last of each kind
        targets = self._call("Target.getTargets")["targetInfos"]
        page = next(own["targetId"] for own in targets if own["type"] == "page")
        attached = self._call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        self._call("Page.enable")
        self.resize(*size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        os.close(self._orders)
        os.close(self._answers)

    def resize(self, width, height, dark=False, scale=1):
        """Sets the viewport, and whether the visitor likes it dark."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        ]
        self._call("Emulation.setEmulatedMedia", features=features)

    def open(self, address):
        """Goes to an address, from whatever was there."""
        self._call("Page.navigate", url="about:blank")
        self._call("Page.navigate", url=address)

    def ask(self, expression):
        """The value of a JavaScript expression in the page."""
        found = self._call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
        )
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["exception"]["description"])
        return found["result"].get("value")

    def wait(self, expression):
        """Waits until an expression is true, and returns its value."""
        started = time.monotonic()
        while time.monotonic() - started < PATIENCE:
            with contextlib.suppress(RuntimeError):  # the page is only just coming
                if value := self.ask(expression):
                    return value
            time.sleep(0.03)
        seen = self.ask("document.body.innerText")
        raise AssertionError(f"never true: {expression}\nThe page says:\n{seen}")

    def type(self, text):
        """Types where the focus is."""
        self._call("Input.insertText", text=text)

    def press(self, *keys, shift=False):
        """Presses keys: a name of KEYS, or a character."""
        for key in keys:
            code, text = KEYS.get(key, (0, key))
            event = {"key": key, "windowsVirtualKeyCode": code}
            event |= {"modifiers": 8 if shift else 0, "code": key}
            kind = "keyDown" if text else "rawKeyDown"
            self._call("Input.dispatchKeyEvent", type=kind, text=text, **event)
            self._call("Input.dispatchKeyEvent", type="keyUp", **event)

    def point(self, selector):
        """Moves the pointer onto the middle of the first element of a selector."""
        self._call("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
        x, y = self._middle(selector)
        self._call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, selector):
        """Clicks the first element of a selector."""
        x, y = self._middle(selector)
        event = {"x": x, "y": y, "button": "left", "clickCount": 1}
        self._call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        self._call("Input.dispatchMouseEvent", type="mousePressed", **event)
        self._call("Input.dispatchMouseEvent", type="mouseReleased", **event)

    def choose(self, open_chooser, *paths):
        """Calls what opens a file chooser, and chooses files in it."""
        self._call("Page.setInterceptFileChooserDialog", enabled=True)
        self._events.clear()
        open_chooser()
        started = time.monotonic()
        while not (opened := self._events.get("Page.fileChooserOpened")):
            if time.monotonic() - started > PATIENCE:
                raise AssertionError("No file chooser was opened.")
            self.ask("0")  # events are read on the way to an answer
        self._call(
            "DOM.setFileInputFiles",
            files=list(map(str, paths)),
            backendNodeId=opened["backendNodeId"],
        )

    def picture(self):
        """A PNG of the viewport."""
        return base64.b64decode(self._call("Page.captureScreenshot")["data"])

    def _middle(self, selector):
        found = self.wait(
            "(() => { const found = document.querySelector("
            f"{json.dumps(selector)}); if (!found) return null;"
            "found.scrollIntoView({block: 'nearest'});"
            "const box = found.getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        return found

    def _call(self, method, **parameters):
        self._count += 1
        order = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            order["sessionId"] = self._session
        os.write(self._orders, json.dumps(order).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") != self._count:
                self._events[answer.get("method")] = answer.get("params")
                continue
            if "error" in answer:
                raise RuntimeError(f"{method}: {answer['error']['message']}")
            return answer["result"]

    def _read(self):
        while b"\0" not in self._bytes:
            if not select.select([self._answers], [], [], PATIENCE)[0]:
                raise RuntimeError("Chromium says nothing.")
            more = os.read(self._answers, 1 << 20)
            if not more:
                raise RuntimeError("Chromium has ended.")
            self._bytes += more
        message, _, self._bytes = self._bytes.partition(b"\0")
        return json.loads(message)
