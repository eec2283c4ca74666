"""A page in a real browser, whose every request goes to a listener that counts it."""

import http.server
import re
import subprocess
import threading
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from types import TracebackType

# what a browser asks its maker by itself, whatever page it shows; no page of ours names these
OF_ITS_MAKER = re.compile(r"(^|//|\.)(google|googleapis|gstatic)\.com[:/]")
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-features=OptimizationHints,MediaRouter,Translate,NetworkTimeServiceQuerying",
)


@dataclass
class Browser:
    """Chromium without a window. `asked` is each request that it sent, to whatever address."""

    program: str
    folder: Path
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> "Browser":
        asked = self.asked

        class Proxy(http.server.BaseHTTPRequestHandler):
            def _answer(self) -> None:
                if not OF_ITS_MAKER.search(self.path):
                    asked.append(f"{self.command} {self.path}")
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.send_header("Access-Control-Allow-Origin", "*")
                self.end_headers()

            do_GET = do_POST = do_HEAD = do_OPTIONS = do_CONNECT = _answer

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def dom(self, page: Path) -> str:
        """The document after everything in it that runs has run for some seconds."""
        return subprocess.run(
            [
                self.program,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                f"--user-data-dir={self.folder}",
                # also for the addresses that are asked directly otherwise
                f"--proxy-server=http://127.0.0.1:{self._server.server_port}",
                "--proxy-bypass-list=<-loopback>",
                *QUIET,
                "--virtual-time-budget=5000",
                "--dump-dom",
                page.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=180,
            check=True,
        ).stdout


class Parsed(HTMLParser):
    """What a page is made of: (tag, attributes) and texts in their order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[object] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append((tag, tuple(sorted((k, v or "") for k, v in attrs))))

    def handle_data(self, data: str) -> None:
        words = " ".join(data.split())
        if words:
            if self.parts and isinstance(self.parts[-1], str):
                words = f"{self.parts.pop()} {words}"
            self.parts.append(words)

    @property
    def tags(self) -> set[str]:
        return {part[0] for part in self.parts if isinstance(part, tuple)}

    @property
    def texts(self) -> list[str]:
        return [part for part in self.parts if isinstance(part, str)]
