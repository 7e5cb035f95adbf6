// Reads trace export requests, each a file, with OpenTelemetry's own decoder, and prints each span as a line of JSON.
const fs = require("fs");
const root = require("@opentelemetry/otlp-transformer/build/src/generated/root");

const Request = root.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
const hex = bytes => Buffer.from(bytes || []).toString("hex");
const value = any => {
  const [kind] = Object.keys(any);
  return kind === "intValue" ? Number(any[kind]) : any[kind];
};
const attributes = list => Object.fromEntries((list || []).map(each => [each.key, value(each.value)]));

for (const path of process.argv.slice(2)) {
  const request = Request.toObject(Request.decode(fs.readFileSync(path)), { longs: String });
  for (const { resource, scopeSpans } of request.resourceSpans) {
    for (const { scope, spans } of scopeSpans) {
      for (const span of spans) {
        console.log(JSON.stringify({
          resource: attributes(resource.attributes), scope: scope.name, trace: hex(span.traceId), span: hex(span.spanId),
          parent: hex(span.parentSpanId), name: span.name, kind: span.kind, start: span.startTimeUnixNano, end: span.endTimeUnixNano,
          attributes: attributes(span.attributes), links: (span.links || []).map(link => hex(link.traceId)), flags: span.flags,
          error: span.status ? span.status.code === 2 : false,
        }));
      }
    }
  }
}
