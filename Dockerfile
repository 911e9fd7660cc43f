# syntax=docker/dockerfile:1
ARG PYTHON_IMAGE=python:3.13-slim
ARG FLYCTL_IMAGE=flyio/flyctl:v0.4.87

FROM ${FLYCTL_IMAGE} AS flyctl

FROM ${PYTHON_IMAGE} AS package
WORKDIR /build
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN python -m venv /opt/scorefly \
 && /opt/scorefly/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements/runtime.txt \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/scorefly/bin/pip install --no-cache-dir --no-deps dist/*.whl \
 && /opt/scorefly/bin/pip uninstall --yes --quiet pip \
 && /opt/scorefly/bin/python -m compileall -q /opt/scorefly/lib

FROM ${PYTHON_IMAGE}
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git \
 && rm -rf /var/lib/apt/lists/*
COPY --from=flyctl /flyctl /usr/local/bin/flyctl
COPY --from=package /opt/scorefly /opt/scorefly
COPY entrypoint.py /entrypoint.py
ENV PATH=/opt/scorefly/bin:$PATH
ENTRYPOINT ["/opt/scorefly/bin/python", "/entrypoint.py"]
