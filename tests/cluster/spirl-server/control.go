package main

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

const eventBuffer = 500

// ingest sends the events of the server to the control plane and keeps what could not be sent.
type ingest struct {
	c       *config
	l       *logs
	m       *metrics
	pending atomic.Int64
}

func (g *ingest) add() { g.pending.Add(1) }

func (g *ingest) run() error {
	dial := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		// A long backoff would answer most calls from memory instead of trying the network again.
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: time.Second, Multiplier: 1, MaxDelay: time.Second}}),
	}
	around := []grpc.UnaryClientInterceptor{g.m.client.UnaryClientInterceptor()}
	if g.m.latency {
		around = append(around, g.m.timeClient)
	}
	conn, err := grpc.NewClient(g.c.ControlPlaneAddr, append(dial, grpc.WithChainUnaryInterceptor(around...))...)
	if err != nil {
		return err
	}
	log := g.l.named("server.ingestServiceSink")
	for n := 0; ; n++ {
		time.Sleep(2 * time.Second)
		batch := g.pending.Load()
		t := newTrace()
		f := append(t.fields(), zap.String("grpc.component", "client"), zap.String("grpc.service", ingestAPI), zap.String("grpc.method", "SendEvents"), zap.Int64("events", batch))
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := conn.Invoke(ctx, "/"+ingestAPI+"/SendEvents", fields(map[string]any{"count": float64(batch)}), &structpb.Struct{})
		cancel()
		f = append(f, zap.String("grpc.code", status.Code(err).String()))
		switch {
		case err == nil:
			g.pending.Add(-batch)
			if n%5 == 0 {
				log.Info(g.l.say("ingest.ok"), f...)
			}
			continue
		case batch > eventBuffer:
			g.pending.Store(eventBuffer)
			log.Warn(g.l.say("ingest.drop"), zap.Int64("dropped", batch-eventBuffer))
		}
		log.Error(g.l.say("ingest.fail"), append(f, zap.Error(err), zap.String("address", g.c.ControlPlaneAddr))...)
	}
}

// controlPlane plays the other end: it takes events, and calls the server over the relay.
func controlPlane(c *config, l *logs) error {
	lis, err := net.Listen("tcp", c.ControlPlaneAddr)
	if err != nil {
		return err
	}
	s := grpc.NewServer()
	ok := func(context.Context, *structpb.Struct) (*structpb.Struct, error) { return &structpb.Struct{}, nil }
	s.RegisterService(service(ingestAPI, map[string]unary{"SendEvents": ok}), nil)
	go s.Serve(lis)
	conn, err := grpc.NewClient(c.RelayAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	calls := []struct{ service, method string }{
		{configAPI, "PushResources"}, {regionAPI, "GetPartialBundle"}, {regionAPI, "SyncAuthority"}, {federationAPI, "RefreshFederation"},
	}
	go func() {
		l.named("server.relay").Info(l.say("relay.up"), zap.String("address", c.ControlPlaneAddr))
		for {
			for _, k := range calls {
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				err := conn.Invoke(ctx, "/"+k.service+"/"+k.method, &structpb.Struct{}, &structpb.Struct{})
				cancel()
				if err == nil && k.method == "PushResources" {
					l.named("server.configWatcher").Debug(l.say("config.pushed"), zap.String("grpc.code", codes.OK.String()))
				}
			}
			time.Sleep(c.ControlInterval)
		}
	}()
	return nil
}

// relayLost is what the relay logs while the control plane is away: it dials for real and is refused for real.
func relayLost(c *config, l *logs) {
	log := l.named("server.relay")
	for {
		conn, err := net.DialTimeout("tcp", c.ControlPlaneAddr, 3*time.Second)
		if err == nil {
			conn.Close()
		} else {
			log.Error(l.say("control.refused"), zap.Error(err), zap.String("grpc.code", codes.Unavailable.String()))
		}
		time.Sleep(10 * time.Second)
	}
}
