"""Sends spans with OpenTelemetry's own SDK: `spans.py PROTOCOL URL SERVICE COUNT`; prints their ids, a line each.

For TLS it takes what the specification calls OTEL_EXPORTER_OTLP_CERTIFICATE, _CLIENT_CERTIFICATE and _CLIENT_KEY from the environment.
"""

import sys

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Status, StatusCode

protocol, url, service, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
if protocol == "grpc":
    from grpc import Compression
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint=url, insecure=url.startswith("http:"), compression=Compression.Gzip)
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint=url + "/v1/traces", compression=Compression.Gzip)

# What the exporter says of each batch: the SDK itself only logs it.
outcomes = []
export = exporter.export
exporter.export = lambda spans: outcomes.append(export(spans)) or outcomes[-1]

provider = TracerProvider(resource=Resource.create({"service.name": service}))
provider.add_span_processor(BatchSpanProcessor(exporter, max_export_batch_size=16))
tracer = provider.get_tracer("spans.py", "1")
for number in range(count):
    with tracer.start_as_current_span(f"call {number}", attributes={"number": number, "text": "é <b>"}) as span:
        with tracer.start_as_current_span("inner") as inner:
            inner.add_event("seen", {"n": number})
            if number % 2:
                inner.set_status(Status(StatusCode.ERROR, "odd"))
        for made in (span, inner):
            context = made.get_span_context()
            print(f"{context.trace_id:032x} {context.span_id:016x}")
provider.shutdown()
assert outcomes and all(outcome == SpanExportResult.SUCCESS for outcome in outcomes), outcomes
