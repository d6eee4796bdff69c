// Spirl-server stands in for a trust domain server in tests: it serves real gRPC calls, metrics, probes and logs, and
// goes wrong in the ways its settings ask for.
package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

func main() {
	c, err := loadConfig(os.Args[1:], os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "spirl-server:", err)
		os.Exit(2)
	}
	l := newLogs(c)
	if err := run(c, l); err != nil {
		l.named("server").Error(l.say("config.invalid"), zap.Error(err))
		os.Exit(1)
	}
}

func run(c *config, l *logs) error {
	if c.ExitCode != 0 {
		failConfiguration(c, l)
	}
	p, err := loadPlanted(c)
	if err != nil {
		return fmt.Errorf("planted lines: %w", err)
	}
	log := l.named("server")
	log.Info(l.say("start"), zap.String("version", c.Version), zap.String("trust_domain", c.TrustDomain),
		zap.String("trust_domain_deployment", c.DeploymentName), zap.String("trust_domain_deployment_id", c.DeploymentID))

	m, ready, sessions := newMetrics(c), newReadyChecker(l), newSessions()
	serveHTTP(l, "health", c.HealthAddr, ready.handler())
	if c.MetricsAddr != "" {
		serveHTTP(l, "telemetry", c.MetricsAddr, m.handler())
	}
	serveHTTP(l, "attestationExtension", c.ExtensionAddr, extension(c))
	go ready.run(c.ReadyLogInterval)
	go noise(c, l, p)
	if c.LongLineMiB > 0 {
		go longLine(c, l)
	}
	startFaults(c, l)

	minter, err := newMinter(c, sessions)
	if err != nil {
		return err
	}
	a := &api{c: c, l: l, m: m, ready: ready, sessions: sessions, minter: minter, health: health.NewServer(), events: &ingest{c: c, l: l, m: m}}
	bringUp(a)
	lines := 0
	if c.BurstMB > 0 {
		began := time.Now()
		lines = burst(c, l)
		log.Info("log burst done", zap.Int("lines", lines), zap.Duration("took", time.Since(began)))
	}
	if c.FloodRate > 0 {
		go flood(c, l, lines)
	}

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	log.Info(l.say("stop"))
	return nil
}

// bringUp starts the subsystems in the order of the real server: configuration, caches, control plane, agents.
func bringUp(a *api) {
	c, l := a.c, a.l
	for _, name := range checkNames {
		if c.ReadyDown.has(name) {
			go holdDown(l, name)
		} else if name != "agentServer" {
			a.ready.set(name, true)
		}
	}
	if !c.ReadyDown.has("configCache") {
		l.named("server.crbackend").Info(l.say("config.loaded"), zap.String("resource", "configuration"), zap.Int("revision", 42))
	}
	relay, err := net.Listen("tcp", c.RelayAddr)
	if err != nil {
		l.named("server.subsystems").Error(l.say("subsystem.fail"), zap.String("subsystem", "relay"), zap.Error(err))
	} else {
		go a.relayServer().Serve(relay)
	}
	if c.ControlPlaneAway {
		go relayLost(c, l)
	} else if err := controlPlane(c, l); err != nil {
		l.named("server.subsystems").Error(l.say("subsystem.fail"), zap.String("subsystem", "controlPlane"), zap.Error(err))
	}
	go a.events.run()
	if c.PortTaken {
		// Kept by a goroutine: a listener that nothing refers to is closed by the garbage collector.
		if taken, err := net.Listen("tcp", c.AgentAddr); err == nil {
			go refuse(taken)
		}
	}
	go serveAgents(a)
	if err := startAgents(c, a.sessions); err != nil {
		l.named("server").Error(l.say("subsystem.fail"), zap.Error(err))
	}
}

// refuse is the stranger on the agents' port: it takes connections and drops them.
func refuse(lis net.Listener) {
	for {
		conn, err := lis.Accept()
		if err != nil {
			return
		}
		conn.Close()
	}
}

// serveAgents tries to listen until it can; the check is up only while it does.
func serveAgents(a *api) {
	log := a.l.named("server.subsystems")
	for !a.c.ReadyDown.has("agentServer") {
		lis, err := net.Listen("tcp", a.c.AgentAddr)
		if err != nil {
			log.Error(a.l.say("subsystem.fail"), zap.String("subsystem", "agentServer"), zap.Error(err))
			time.Sleep(5 * time.Second)
			continue
		}
		log.Info(a.l.say("subsystem.start"), zap.String("subsystem", "agentServer"), zap.String("address", lis.Addr().String()))
		a.ready.set("agentServer", true)
		a.health.SetServingStatus("", healthpb.HealthCheckResponse_SERVING)
		err = a.agentServer().Serve(lis)
		a.ready.set("agentServer", false)
		if err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			log.Error(a.l.say("subsystem.fail"), zap.String("subsystem", "agentServer"), zap.Error(err))
		}
		return
	}
}

func serveHTTP(l *logs, name, addr string, h http.Handler) {
	log := l.named("server.subsystems").With(zap.String("subsystem", name))
	lis, err := net.Listen("tcp", addr)
	if err != nil {
		log.Error(l.say("subsystem.fail"), zap.Error(err))
		return
	}
	log.Info(l.say("subsystem.start"), zap.String("address", lis.Addr().String()))
	go http.Serve(lis, h)
}
