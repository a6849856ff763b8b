# syntax=docker/dockerfile:1
# The server and the commands of everyday-counting:
#   docker build -t everyday-counting .
#   docker build -t everyday-counting:cuda --build-arg DEVICE=cuda .

FROM python:3.12-slim AS build
ARG DEVICE=cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/counting
ENV PATH=/opt/counting/bin:$PATH
WORKDIR /src
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY counting counting
COPY datasets datasets
COPY configs configs
# PyPI's torch brings CUDA; the one of PyTorch's index, which pip prefers, does not.
RUN if [ "$DEVICE" = cpu ]; then export PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu; fi; \
    pip install --constraint requirements.lock ".[web,video]"

FROM python:3.12-slim
COPY --from=build /opt/counting /opt/counting
# Only /tmp is written to, so the root file system can be read-only.
ENV PATH=/opt/counting/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1
WORKDIR /tmp
USER 10001:10001
EXPOSE 8765
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8765/healthz', timeout=4)"]
ENTRYPOINT ["counting"]
CMD ["serve", "--host", "0.0.0.0"]
