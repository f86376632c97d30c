package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/prometheus/otlptranslator"
)

// metric is what OTLP says of a metric, and one of its attributes.
type metric struct {
	Name, Unit, Kind, Attribute string
}

var kinds = map[string]otlptranslator.MetricType{
	"counter":       otlptranslator.MetricTypeMonotonicCounter,
	"updowncounter": otlptranslator.MetricTypeNonMonotonicCounter,
	"gauge":         otlptranslator.MetricTypeGauge,
	"histogram":     otlptranslator.MetricTypeHistogram,
}

// names prints what Prometheus' own library calls the metrics that come in, and their attributes.
func names() {
	metrics := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	labels := otlptranslator.LabelNamer{}
	decoder := json.NewDecoder(os.Stdin)
	for {
		var said metric
		if err := decoder.Decode(&said); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		name, err := metrics.Build(otlptranslator.Metric{Name: said.Name, Unit: said.Unit, Type: kinds[said.Kind]})
		if err != nil {
			log.Fatal(err)
		}
		label, err := labels.Build(said.Attribute)
		if err != nil {
			log.Fatal(err)
		}
		line, err := json.Marshal(map[string]string{"name": name, "label": label})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(line))
	}
}
