"""Tokens as the sources issue them: access expires, a refresh token is good for one use."""

import threading
from dataclasses import dataclass, field
from typing import Any

from .zendesk import Refused


@dataclass(slots=True)
class Issuer:
    """Issues pairs of tokens. `uses` requests are answered with one access token; then it expired.

    Numbered, so that a test can name each pair: access-1 and refresh-2 are given for refresh-1.
    """

    client_id: str = "client-1"
    client_secret: str = "client-secret-1"
    name: str = ""  # stands in each token
    uses: int = 10**9
    lasts: int | None = 7200  # seconds, as it says; it is `uses` that it goes by
    issued: int = 0
    refused: int = 0
    _left: int = 0
    _lock: Any = field(default_factory=threading.Lock, repr=False)

    @property
    def refresh(self) -> str:
        """The one refresh token that is good now."""
        return f"{self.name}refresh-{self.issued + 1}"

    @property
    def first(self) -> str:
        return f"{self.name}refresh-1"

    @property
    def access(self) -> str:
        return f"{self.name}access-{self.issued}"

    def expire(self) -> None:
        with self._lock:
            self._left = 0

    def is_good(self, authorization: str) -> bool:
        with self._lock:
            if authorization != f"Bearer {self.access}" or self._left < 1:
                return False
            self._left -= 1
            return True

    def answer(self, given: dict[str, str]) -> dict[str, Any]:
        with self._lock:
            if (given.get("client_id"), given.get("client_secret")) != (
                self.client_id,
                self.client_secret,
            ):
                raise Refused(401, {"error": "invalid_client"})
            is_one = given.get("grant_type") == "refresh_token"
            if not is_one or given.get("refresh_token") != self.refresh:
                self.refused += 1
                raise Refused(400, {"error": "invalid_grant", "error_description": "used or none"})
            self.issued += 1
            self._left = self.uses
            told = {"access_token": self.access, "refresh_token": self.refresh}
            return (
                told
                | {"token_type": "bearer"}
                | ({} if self.lasts is None else {"expires_in": self.lasts})
            )
