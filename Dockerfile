# One image, the role as argument: `tenantry run --workers all`, `tenantry migrate`, `tenantry-billing`, ...
FROM debian:bookworm AS build
COPY tools/packages/main.txt /src/tools/packages/main.txt
RUN apt-get update \
 && grep -v '^#' /src/tools/packages/main.txt | grep -v -e postgresql -e rabbitmq-server -e aiosmtpd -e pika \
    | DEBIAN_FRONTEND=noninteractive xargs apt-get install -y --no-install-recommends
COPY . /src
WORKDIR /src
RUN cmake --preset release && cmake --build --preset release --target products

FROM debian:bookworm-slim
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates libcjose0 libcurl4 libicu72 \
    libc-ares2 libjansson4 libpq5 libpqxx-6.4 libprometheus-cpp-core1.0 libprotobuf32 librabbitmq4 libsodium23 libssl3 libuv1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --no-create-home tenantry
COPY --from=build /src/build/bin/ /usr/local/bin/
USER tenantry
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/tenantry"]
CMD ["run", "--workers", "all"]
