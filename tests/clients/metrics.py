"""Sends metrics in deltas with OpenTelemetry's own SDK: `metrics.py PROTOCOL URL SERVICE ROUNDS`."""

import sys

from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, UpDownCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricExportResult, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

protocol, url, service, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
temporality = {
    Counter: AggregationTemporality.DELTA,
    Histogram: AggregationTemporality.DELTA,
    UpDownCounter: AggregationTemporality.CUMULATIVE,
}
if protocol == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter

    exporter = OTLPMetricExporter(endpoint=url, insecure=True, preferred_temporality=temporality)
else:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    exporter = OTLPMetricExporter(endpoint=url + "/v1/metrics", preferred_temporality=temporality)

# What the exporter says of each batch: the SDK itself only logs it.
outcomes = []
export = exporter.export
exporter.export = lambda *batch, **options: outcomes.append(export(*batch, **options)) or outcomes[-1]

reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
views = [View(instrument_name="size", aggregation=ExponentialBucketHistogramAggregation())]
provider = MeterProvider([reader], Resource.create({"service.name": service}), views=views)
meter = provider.get_meter("metrics.py", "1")
calls = meter.create_counter("calls", "{call}", "Calls, counted.")
busy = meter.create_counter("busy", "s")
latency = meter.create_histogram("latency", "s", explicit_bucket_boundaries_advisory=[0.5, 1.0])
size = meter.create_histogram("size", "By")
active = meter.create_up_down_counter("active", "{page}")
meter.create_observable_gauge("load", [lambda options: [Observation(rounds)]], "1")
for number in range(rounds):
    calls.add(1, {"parity": "odd" if number % 2 else "even"})
    busy.add(0.25)
    latency.record(number / 4)
    size.record(2.0**number)
    active.add(1)
    provider.force_flush()
provider.shutdown()
assert len(outcomes) > rounds and all(outcome == MetricExportResult.SUCCESS for outcome in outcomes), outcomes
