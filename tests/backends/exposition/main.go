// Command exposition reads an answer of /metrics in protocol buffers as Prometheus' own library does, and prints each family as
// a line of JSON. `exposition names` says what Prometheus calls metrics of OTLP.
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/protobuf/encoding/protojson"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "names" {
		names()
		return
	}
	decoder := expfmt.NewDecoder(os.Stdin, expfmt.NewFormat(expfmt.TypeProtoDelim))
	for {
		var family dto.MetricFamily
		if err := decoder.Decode(&family); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		line, err := protojson.Marshal(&family)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(line))
	}
}
