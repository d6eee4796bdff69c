package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"
)

// planted is what PLANT_SECRETS holds.
type planted struct {
	Stdout []string `json:"stdout"`
	Stderr []string `json:"stderr"`
}

func loadPlanted(c *config) (planted, error) {
	var p planted
	var raw []byte
	var err error
	switch {
	case c.PlantSecrets != "":
		raw, err = base64.StdEncoding.DecodeString(c.PlantSecrets)
	case c.PlantFile != "":
		raw, err = os.ReadFile(c.PlantFile)
	default:
		return p, nil
	}
	if err != nil {
		return p, err
	}
	return p, json.Unmarshal(raw, &p)
}

// noise prints the lines that a strict reader of zap's JSON would stumble over.
func noise(c *config, l *logs, p planted) {
	for n := 0; ; n++ {
		for _, line := range p.Stdout {
			l.stdout.Write([]byte(line + "\n"))
		}
		for _, line := range p.Stderr {
			l.stderr.Write([]byte(line + "\n"))
		}
		if c.NonUTF8 {
			// Latin-1, a lone continuation byte, a surrogate half, an overlong slash, NUL.
			odd := "caf\xe9 \x80 \xed\xa0\x80 \xc0\xaf \x00"
			l.stdout.Write(fmt.Appendf(nil, `{"level":"warn","ts":%.6f,"logger":"server.agentServer","msg":"%s","attribute":"%s","seq":%d}`+"\n", now(), l.say("odd.bytes"), odd, n))
			l.stdout.Write(fmt.Appendf(nil, "\xff\xfe raw bytes %d \x9f\x92\n", n))
		}
		if c.ANSI {
			l.stdout.Write(fmt.Appendf(nil, "%s\t\x1b[33mWARN\x1b[0m\tserver.configWatcher\t%s\t{\"seq\": %d}\n", iso(), l.say("template.warning"), n))
		}
		if c.Console {
			l.stdout.Write(fmt.Appendf(nil, consoleEntry, iso(), l.say("ingest.fail"), n))
		}
		if c.OCSF {
			l.stdout.Write(ocsfEvent(c, n))
		}
		time.Sleep(c.Noise)
	}
}

func now() float64 { return float64(time.Now().UnixMicro()) / 1e6 }

func iso() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

const consoleEntry = `%s	ERROR	server.ingestServiceSink	%s	{
  "seq": %d,
  "error": "rpc error: code = Unavailable desc = connection error"
}
main.(*ingest).run
	/src/internal/ingest/sink.go:118
runtime.goexit
	/usr/local/go/src/runtime/asm_amd64.s:1700
`

func ocsfEvent(c *config, n int) []byte {
	at := time.Now().UnixMilli()
	b, err := json.Marshal(map[string]any{
		"activity_id": 1, "category_uid": 3, "class_uid": 3002, "type_uid": 300201, "severity_id": 1, "status_id": 1, "time": at,
		"metadata":     map[string]any{"version": "1.8.0", "sequence": n, "product": map[string]any{"name": "Trust Domain Server", "version": c.Version}},
		"actor":        map[string]any{"user": map[string]any{"uid": "spiffe://" + c.TrustDomain + "/ns/payments/sa/checkout"}},
		"src_endpoint": map[string]any{"ip": fmt.Sprintf("10.12.%d.%d", n/250%250, n%250+1), "port": 40000 + n%20000},
		"cloud":        map[string]any{"provider": "AWS", "region": "eu-west-1", "account": map[string]any{"uid": "111122223333"}},
	})
	if err != nil {
		panic(err)
	}
	return append(b, '\n')
}

// longLine writes one line of the wanted size, numbered and marked at its end so that a reader can tell it is whole.
func longLine(c *config, l *logs) {
	size := int(c.LongLineMiB * (1 << 20))
	filler := `{\"kind\":\"Cluster\",\"spec\":{\"endpoint\":\"https://oidc.example.org/id/` + hexID(32) + `\"}},`
	body := strings.Repeat(filler, size/len(filler)+1)
	for n := 0; ; n++ {
		head := fmt.Sprintf(`{"level":"debug","ts":%.6f,"logger":"server.configWatcher","msg":"%s","seq":%d,"resources":"`, now(), l.say("payload"), n)
		tail := fmt.Sprintf(`","end_seq":%d}`, n)
		whole := (size - len(head) - len(tail)) / len(filler) * len(filler)
		l.stdout.Write([]byte(head + body[:whole] + tail + "\n"))
		l.named("server.configWatcher").Info(l.say("config.pushed"), zap.Int("seq", n))
		if c.LongLineEvery == 0 {
			return
		}
		time.Sleep(c.LongLineEvery)
	}
}
