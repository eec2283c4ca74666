# The image of docker-compose.yml: Airflow, dbt and the package, as requirements.lock says.
# Build arguments name other versions; the tests run on those that stand here or in the lock.
ARG PYTHON=3.13.9-slim-trixie

FROM python:${PYTHON} AS installed
COPY requirements.lock /tmp/requirements.lock
# every package with its hash; nothing is looked up that the lock does not name
RUN python -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --no-deps --require-hashes -r /tmp/requirements.lock

FROM python:${PYTHON}
RUN useradd --uid 50000 --create-home --shell /usr/sbin/nologin answerable \
    && install -d -o answerable -g answerable -m 0700 /var/lib/answerable \
    && printf '%s\n' '#!/bin/sh' 'exec python -m answerable.cli "$@"' > /usr/local/bin/answerable \
    && chmod 0755 /usr/local/bin/answerable
COPY --from=installed /opt/venv /opt/venv
COPY dags /opt/answerable/dags
COPY dbt_project /opt/answerable/dbt_project
COPY expectations /opt/answerable/expectations
COPY plugins /opt/answerable/plugins
COPY LICENSE README.md /opt/answerable/
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/answerable/plugins \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ANSWERABLE_HOME=/var/lib/answerable \
    ANSWERABLE_REPORTS=/var/lib/answerable/reports \
    AIRFLOW_HOME=/var/lib/answerable/airflow
WORKDIR /var/lib/answerable
# by number, so that an engine can see that it is not root
USER 50000
