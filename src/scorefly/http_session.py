"""The HTTP session of every client: proxies and certificates come from the environment, passwords never do."""

from __future__ import annotations

import requests


class Session(requests.Session):
    """A session that does not read `~/.netrc`: credentials are the headers a client sets, and nothing else."""

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Prepare a request. requests looks into `~/.netrc` only where there is no `auth`."""
        request.auth = request.auth or _keep_headers
        return super().prepare_request(request)

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Remove the credentials from a redirect to another host, and add none."""
        if self.should_strip_auth(response.request.url, prepared_request.url):  # type: ignore[no-untyped-call]
            prepared_request.headers.pop("Authorization", None)


def _keep_headers(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
