package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"sync"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// output is the one way to a standard stream: zap, the flood and the planted lines share it, so no line is torn.
type output struct {
	mu   sync.Mutex
	f    *os.File
	crlf bool
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := p
	if o.crlf {
		q = bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))
	}
	if _, err := o.f.Write(q); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (o *output) Sync() error { return nil }

// logs is what every part of the server logs with.
type logs struct {
	wording
	root   *zap.Logger
	stdout *output
	stderr *output
}

func newLogs(c *config) *logs {
	enc := zap.NewProductionEncoderConfig()
	enc.TimeKey, enc.LevelKey, enc.NameKey, enc.MessageKey = "ts", "level", "logger", "msg"
	enc.CallerKey = zapcore.OmitKey
	enc.EncodeTime = zapcore.EpochTimeEncoder
	level := zapcore.InfoLevel
	if c.Debug {
		level = zapcore.DebugLevel
	}
	l := &logs{
		wording: wording{c.Reword},
		stdout:  &output{f: os.Stdout, crlf: c.CRLF},
		stderr:  &output{f: os.Stderr, crlf: c.CRLF},
	}
	core := zapcore.NewCore(zapcore.NewJSONEncoder(enc), l.stdout, level)
	l.root = zap.New(core, zap.AddStacktrace(zapcore.PanicLevel), zap.ErrorOutput(l.stderr))
	return l
}

func (l *logs) named(name string) *zap.Logger { return l.root.Named(name) }

// trace is the pair of ids that the lines of one call share.
type trace struct{ traceID, spanID string }

func newTrace() trace { return trace{hexID(32), hexID(16)} }

func (t trace) fields() []zap.Field {
	return []zap.Field{zap.String("trace_id", t.traceID), zap.String("span_id", t.spanID)}
}

func hexID(n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, n)
	for i := range b {
		b[i] = digits[rand.IntN(16)]
	}
	return string(b)
}
