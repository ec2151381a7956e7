# The service of Gridpact: `gridpact serve` with what requirements/run.txt pins. Configuration and state are mounted.
FROM python:3.11-slim

RUN useradd --uid 1883 --create-home gridpact
WORKDIR /usr/src/gridpact
COPY requirements/run.txt requirements/run.txt
RUN pip install --no-cache-dir --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir --no-deps --no-build-isolation . && python -m compileall -q src

USER gridpact
WORKDIR /srv/gridpact
ENV PYTHONUNBUFFERED=1 NUMBA_CACHE_DIR=/srv/gridpact/.numba
EXPOSE 8000
ENTRYPOINT ["gridpact"]
CMD ["serve", "/etc/gridpact/service.toml"]
