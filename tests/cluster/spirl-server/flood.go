package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// generator builds lines that look like a real server's debug log, 200 to 600 bytes each, without going through zap:
// a flood should be limited by its rate and a burst by the reader, not by the making of lines.
type generator struct {
	r         *rand.Rand
	td        string
	msg       map[string]string
	seq       int
	workloads []workload
	call      call
}

// workload is one of those an agent asks for: there are a few hundred of them behind a server, asked for again and again.
type workload struct{ namespace, account, pod, uid, image, peer string }

// call is one call of an agent: the server writes several lines about it, which share its trace.
type call struct {
	trace, span string
	of          *workload
	lines       int
}

func newGenerator(c *config, l *logs, seed uint64) *generator {
	g := &generator{r: rand.New(rand.NewPCG(seed, 1)), td: c.TrustDomain, msg: map[string]string{}}
	for _, id := range []string{"flood", "burst.attr", "burst.stream", "burst.session", "burst.template", "call.done", "mint.ok", "mint.fail"} {
		g.msg[id] = l.say(id)
	}
	digests := map[string]string{}
	for _, image := range images {
		digests[image] = image + "@sha256:" + g.hex(64)
	}
	for range 200 {
		account := g.of(accounts)
		g.workloads = append(g.workloads, workload{
			namespace: g.of(namespaces),
			account:   account,
			pod:       account + "-" + g.hex(10),
			uid:       g.hex(8) + "-" + g.hex(4) + "-" + g.hex(4) + "-" + g.hex(4) + "-" + g.hex(12),
			image:     digests[g.of(images)],
			peer:      fmt.Sprintf("10.%d.%d.7:%d", g.r.IntN(256), g.r.IntN(256), 32768+g.r.IntN(28000)),
		})
	}
	return g
}

// next makes the call that the next line is about.
func (g *generator) next() *call {
	if g.call.lines == 0 {
		g.call = call{trace: g.hex(32), span: g.hex(16), of: &g.workloads[g.r.IntN(len(g.workloads))], lines: 3 + g.r.IntN(5)}
	}
	g.call.lines--
	return &g.call
}

var (
	namespaces = []string{"payments", "orders", "search", "identity", "ml-training", "edge-gateway", "billing", "kube-system"}
	accounts   = []string{"checkout", "ledger", "indexer", "frontend", "reconciler", "trainer", "proxy", "exporter"}
	images     = []string{"registry.example.org/shop/checkout", "registry.example.org/core/ledger", "registry.example.org/ml/trainer"}
)

func (g *generator) hex(n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 0, n)
	for len(b) < n {
		x := g.r.Uint64()
		for i := 0; i < 16 && len(b) < n; i++ {
			b = append(b, digits[x&15])
			x >>= 4
		}
	}
	return string(b)
}

func (g *generator) of(list []string) string { return list[g.r.IntN(len(list))] }

// line appends one numbered line.
func (g *generator) line(b []byte, at time.Time) []byte {
	kind := g.r.IntN(100)
	level, logger, msg := "debug", "server.agentServer", "call.done"
	switch {
	case kind < 25:
		msg = "burst.attr"
	case kind < 45:
		logger, msg = "server.agentServer.session", "burst.session"
	case kind < 60:
		msg = "burst.template"
	case kind < 70:
		msg = "burst.stream"
	case kind < 80:
		level, msg = "info", "mint.ok"
	case kind < 81:
		level, msg = "error", "mint.fail"
	case kind < 90:
		msg = "flood"
	}
	b = append(b, `{"level":"`...)
	b = append(b, level...)
	b = append(b, `","ts":`...)
	b = strconv.AppendFloat(b, float64(at.UnixNano()/1000)/1e6, 'f', 6, 64)
	b = append(b, `,"logger":"`...)
	b = append(b, logger...)
	b = append(b, `","msg":"`...)
	b = append(b, g.msg[msg]...)
	b = append(b, `","seq":`...)
	b = strconv.AppendInt(b, int64(g.seq), 10)
	g.seq++
	call := g.next()
	of := call.of
	b = append(b, `,"trace_id":"`...)
	b = append(b, call.trace...)
	b = append(b, `","span_id":"`...)
	b = append(b, call.span...)
	b = append(b, `","spiffe_id":"spiffe://`...)
	b = append(b, g.td...)
	b = append(b, "/ns/"...)
	b = append(b, of.namespace...)
	b = append(b, "/sa/"...)
	b = append(b, of.account...)
	b = append(b, `","peer.address":"`...)
	b = append(b, of.peer...)
	b = append(b, '"')
	switch msg {
	case "burst.attr", "flood":
		b = append(b, `,"attributes":{"kubernetes.namespace":"`...)
		b = append(b, of.namespace...)
		b = append(b, `","kubernetes.pod.name":"`...)
		b = append(b, of.pod...)
		b = append(b, `","kubernetes.pod.uid":"`...)
		b = append(b, of.uid...)
		b = append(b, `","kubernetes.container.image":"`...)
		b = append(b, of.image...)
		b = append(b, `"}`...)
	case "burst.template":
		b = append(b, `,"template":"/ns/{{.namespace}}/sa/{{.service_account}}","took":0.000`...)
		b = strconv.AppendInt(b, int64(100+g.r.IntN(900)), 10)
	case "mint.fail":
		b = append(b, `,"svid_type":"x509","status_code":"attestation_failed","error":"extension \"workload-evidence\": 403 Forbidden"`...)
	default:
		b = append(b, `,"grpc.component":"server","grpc.service":"com.spirl.agent.v1.agent.API","grpc.method":"MintX509SVID","grpc.code":"OK","grpc.time_ms":`...)
		b = strconv.AppendFloat(b, g.r.ExpFloat64()*4, 'f', 3, 64)
	}
	return append(b, "}\n"...)
}

// flood keeps to its rate by the clock: it writes what is due, so a slow reader delays it but loses nothing.
// It numbers its lines on from those that a burst has written.
func flood(c *config, l *logs, lines int) {
	g := newGenerator(c, l, uint64(time.Now().UnixNano()))
	g.seq = lines
	perSecond := c.FloodRate * 1e6 / 60
	began := time.Now()
	var written float64
	buf := make([]byte, 0, 1<<17)
	for {
		buf = buf[:0]
		at := time.Now()
		for due := at.Sub(began).Seconds() * perSecond; written+float64(len(buf)) < due && len(buf) < 1<<16; {
			buf = g.line(buf, at)
		}
		if len(buf) == 0 {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		l.stdout.Write(buf)
		written += float64(len(buf))
	}
}

// burst writes its size at once and returns how many lines that took.
func burst(c *config, l *logs) int {
	g := newGenerator(c, l, 7)
	buf := make([]byte, 0, 1<<17)
	for written := 0.0; written < c.BurstMB*1e6; {
		buf = buf[:0]
		at := time.Now()
		for len(buf) < 1<<16 && written+float64(len(buf)) < c.BurstMB*1e6 {
			buf = g.line(buf, at)
		}
		l.stdout.Write(buf)
		written += float64(len(buf))
	}
	return g.seq
}
