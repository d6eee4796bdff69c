package main

import (
	"crypto/sha256"
	"errors"
	"os"
	"runtime"
	"strconv"
	"time"

	"go.uber.org/zap"
)

// failConfiguration ends the process as a server does that cannot use its configuration.
func failConfiguration(c *config, l *logs) {
	cause := errors.New("validation failed: trustDomainDeployment.svidIssuance.pathTemplate: unexpected token at position 12")
	if c.ExitCode == 2 {
		// A second cause and place, so that the two codes do not come with one and the same log.
		_, cause = strconv.Atoi("8443x")
	}
	l.named("server").Info(l.say("start"), zap.String("version", c.Version))
	l.named("server").Error(l.say("config.invalid"), zap.Error(cause), zap.Int("exit_code", c.ExitCode))
	terminationMessage(c)
	os.Exit(c.ExitCode)
}

func terminationMessage(c *config) {
	if c.TerminationMsg != "" {
		os.WriteFile(c.TerminationLog, []byte(c.TerminationMsg), 0o644)
	}
}

// startFaults starts the faults that run beside the server's work.
func startFaults(c *config, l *logs) {
	for range c.CPUBurn {
		go burn()
	}
	if c.MemoryGrow > 0 {
		go leak(c, l)
	}
	if c.CrashAfter > 0 {
		go crash(c, l)
	}
	go func() {
		log := l.named("server")
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			log.Debug(l.say("resource.usage"), zap.Uint64("heap_bytes", m.HeapAlloc), zap.Int("goroutines", runtime.NumGoroutine()))
			time.Sleep(5 * time.Second)
		}
	}()
}

func burn() {
	sum := sha256.Sum256([]byte("start"))
	for {
		sum = sha256.Sum256(sum[:])
	}
}

var leaked [][]byte

// leak touches every page, for memory that is only reserved does not count.
func leak(c *config, l *logs) {
	log := l.named("server.agentServer.session")
	for n := 1; ; n++ {
		b := make([]byte, c.MemoryGrow<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = byte(n)
		}
		leaked = append(leaked, b)
		if n%3 == 0 {
			log.Warn(l.say("memory.high"), zap.Int("sessions", n*1000), zap.Int("cache_bytes", n*len(b)))
		}
		time.Sleep(time.Second)
	}
}

func crash(c *config, l *logs) {
	time.Sleep(c.CrashAfter)
	if c.CrashOnceFile != "" {
		f, err := os.OpenFile(c.CrashOnceFile, os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return
		}
		f.Close()
	}
	l.named("server.agentServer.session").Error(l.say("panic.soon"), zap.Int("session_count", -1))
	terminationMessage(c)
	var store map[string]int
	// A real run-time panic with a Go stack on stderr, not one that was written for the purpose.
	store["session"] = 1
}
