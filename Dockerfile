# syntax=docker/dockerfile:1
# The Action's image: Python, git, flyctl and scorefly, and nothing that builds anything.
ARG PYTHON_IMAGE=python:3.13-slim-trixie
ARG FLYCTL_IMAGE=flyio/flyctl:v0.4.87

FROM ${FLYCTL_IMAGE} AS flyctl

FROM ${PYTHON_IMAGE} AS package
WORKDIR /build
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN python3 -m venv --without-pip /opt/scorefly \
 && python3 -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements/build.txt \
 && /opt/build/bin/pip --python /opt/scorefly/bin/python install \
    --no-cache-dir --no-compile --require-hashes --no-deps -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY scorefly scorefly
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/build/bin/pip --python /opt/scorefly/bin/python install --no-cache-dir --no-compile --no-deps dist/*.whl \
 && /opt/scorefly/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/scorefly/lib

# Flattened below, so that what is removed here is not in any layer.
FROM ${PYTHON_IMAGE} AS system
COPY container/slim.sh /tmp/
# Debian keeps one version of a package: one that is pinned is gone with its first security fix.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git openssh-client \
 && sh /tmp/slim.sh

FROM scratch
ARG VERSION=unreleased
LABEL org.opencontainers.image.title="scorefly" \
      org.opencontainers.image.description="Deploys Score workloads to Fly.io from GitHub" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
ENV PATH=/opt/scorefly/bin:/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1
# hadolint ignore=DL3067
COPY --from=system / /
COPY --from=flyctl /flyctl /usr/local/bin/flyctl
COPY --from=package /opt/scorefly /opt/scorefly
COPY entrypoint.py post-entrypoint.py /
# GitHub's runner mounts a workspace that another user owns, which only root can write to: no USER here.
# Isolated, so that no module of the workspace or variable of the workflow takes the place of ours.
ENTRYPOINT ["/opt/scorefly/bin/python", "-I", "/entrypoint.py"]
