# The command line as an image: docker build -t confluence-groups .
# docker run --rm -e CONFLUENCE_SITE -e CONFLUENCE_EMAIL -e CONFLUENCE_API_TOKEN confluence-groups doctor
# Plans and journals belong in a folder of the host: docker run --rm --user "$(id -u)" -v "$PWD:/work" ...
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY scripts/releasing/long_description.py scripts/releasing/
COPY confluence_groups_sdk confluence_groups_sdk
RUN python -m venv /opt/confluence-groups \
 && /opt/confluence-groups/bin/python -m pip install --no-cache-dir '.[cli,review,sandbox,postgres]' \
 && /opt/confluence-groups/bin/python -m pip uninstall --yes pip

FROM python:3.13-slim
RUN useradd --create-home --uid 10001 --shell /usr/sbin/nologin confluence
COPY --from=build /opt/confluence-groups /opt/confluence-groups
ENV PATH=/opt/confluence-groups/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001
WORKDIR /work
ENTRYPOINT ["confluence-groups"]
CMD ["--help"]
