# One image with both environments, for `container:` (apptainer), for Kubernetes, and to run the workflow in:
#   docker build --tag posegaussian --build-arg PIP_EXTRA_INDEX_URL="$TORCH_INDEX" .
#   docker run --volume "$PWD/results:/posegaussian/results" posegaussian --cores all
FROM python:3.11.13-slim-bookworm

# pip's own setting: an index with another build of PyTorch (docs/howto/install.md).
ARG PIP_EXTRA_INDEX_URL=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONNOUSERSITE=1

# Git, since Snakemake without a shared file system deploys what Git knows.
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/*

COPY envs/mmpose.post-deploy.sh /tmp/envs/
RUN bash /tmp/envs/mmpose.post-deploy.sh /posegaussian/.venv-mmpose \
    && printf '#!/bin/sh\nexec /posegaussian/.venv-mmpose/bin/python "$@"\n' > /usr/local/bin/mmpose-python \
    && chmod +x /usr/local/bin/mmpose-python

COPY envs/posegaussian.txt /tmp/envs/
RUN pip install --requirement /tmp/envs/posegaussian.txt

COPY . /posegaussian
WORKDIR /posegaussian
RUN pip install --no-deps --no-build-isolation .

ENTRYPOINT ["snakemake"]
