// Records what Go's text/template makes of the templates in cases.txt, into cases.json:
//
//	cd packages/cli/test/template && go run record.go
//
// A template that Go refuses is recorded with "error": true.
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"text/template"
)

type recorded struct {
	Template string `json:"template"`
	Output   string `json:"output,omitempty"`
	Error    bool   `json:"error,omitempty"`
}

// integers makes numbers without a fraction ints, as they are in Go's structs.
func integers(value any) any {
	switch typed := value.(type) {
	case json.Number:
		if whole, err := typed.Int64(); err == nil {
			return int(whole)
		}
		float, _ := typed.Float64()
		return float
	case []any:
		for index, item := range typed {
			typed[index] = integers(item)
		}
	case map[string]any:
		for name, member := range typed {
			typed[name] = integers(member)
		}
	}
	return value
}

func main() {
	text, err := os.ReadFile("data.json")
	must(err)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var data any
	must(decoder.Decode(&data))
	data = integers(data)
	cases, err := os.ReadFile("cases.txt")
	must(err)
	var all []recorded
	for _, one := range strings.Split(strings.TrimSuffix(string(cases), "\n"), "\n") {
		// A line break in a template is written as ⏎.
		source := strings.ReplaceAll(one, "⏎", "\n")
		var output bytes.Buffer
		parsed, err := template.New("case").Parse(source)
		if err == nil {
			err = parsed.Execute(&output, data)
		}
		if err != nil {
			all = append(all, recorded{Template: source, Error: true})
			continue
		}
		all = append(all, recorded{Template: source, Output: output.String()})
	}
	file, err := os.Create("cases.json")
	must(err)
	encoder := json.NewEncoder(file)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	must(encoder.Encode(all))
	must(file.Close())
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
