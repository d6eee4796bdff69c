package main

import (
	"context"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	agentAPI      = "com.spirl.agent.v1.agent.API"
	sessionAPI    = "com.spirl.agent.v1.session.API"
	configAPI     = "com.spirl.private.signer.api.v1.configuration.API"
	federationAPI = "com.spirl.private.signer.api.v1.federation.API"
	regionAPI     = "com.spirl.private.signer.api.v1.regionauthority.API"
	ingestAPI     = "com.spirl.events.v1.ingest.API"
)

type unary func(context.Context, *structpb.Struct) (*structpb.Struct, error)

// service describes a gRPC service whose messages are all google.protobuf.Struct: the names matter here, not the schema.
func service(name string, methods map[string]unary, streams ...grpc.StreamDesc) *grpc.ServiceDesc {
	d := &grpc.ServiceDesc{ServiceName: name, HandlerType: (*any)(nil), Streams: streams}
	for method, h := range methods {
		full := "/" + name + "/" + method
		d.Methods = append(d.Methods, grpc.MethodDesc{MethodName: method, Handler: func(srv any, ctx context.Context, decode func(any) error, around grpc.UnaryServerInterceptor) (any, error) {
			req := &structpb.Struct{}
			if err := decode(req); err != nil {
				return nil, err
			}
			call := func(ctx context.Context, req any) (any, error) { return h(ctx, req.(*structpb.Struct)) }
			if around == nil {
				return call(ctx, req)
			}
			return around(ctx, req, &grpc.UnaryServerInfo{Server: srv, FullMethod: full}, call)
		}})
	}
	return d
}

func fields(m map[string]any) *structpb.Struct {
	s, err := structpb.NewStruct(m)
	if err != nil {
		panic(err)
	}
	return s
}

// api is the server's side of every gRPC service.
type api struct {
	c        *config
	l        *logs
	m        *metrics
	ready    *readyChecker
	sessions *sessions
	minter   *minter
	health   *health.Server
	events   *ingest
}

func (a *api) options() []grpc.ServerOption {
	u := []grpc.UnaryServerInterceptor{a.m.server.UnaryServerInterceptor()}
	s := []grpc.StreamServerInterceptor{a.m.server.StreamServerInterceptor()}
	if a.m.latency {
		u, s = append(u, a.m.timeUnary), append(s, a.m.timeStream)
	}
	return []grpc.ServerOption{grpc.ChainUnaryInterceptor(append(u, a.unary)...), grpc.ChainStreamInterceptor(s...)}
}

func (a *api) agentServer() *grpc.Server {
	s := grpc.NewServer(a.options()...)
	s.RegisterService(service(agentAPI, map[string]unary{
		"MintX509SVID": func(ctx context.Context, r *structpb.Struct) (*structpb.Struct, error) { return a.mint(ctx, "x509", r) },
		"MintJWTSVID":  func(ctx context.Context, r *structpb.Struct) (*structpb.Struct, error) { return a.mint(ctx, "jwt", r) },
	}, grpc.StreamDesc{StreamName: "WatchBundles", ServerStreams: true, Handler: a.watchBundles}), nil)
	s.RegisterService(service(sessionAPI, map[string]unary{"NewSession": a.newSession}), nil)
	healthpb.RegisterHealthServer(s, a.health)
	a.m.server.InitializeMetrics(s)
	return s
}

func (a *api) relayServer() *grpc.Server {
	s := grpc.NewServer(a.options()...)
	ok := func(context.Context, *structpb.Struct) (*structpb.Struct, error) { return &structpb.Struct{}, nil }
	s.RegisterService(service(configAPI, map[string]unary{"PushResources": ok}), nil)
	s.RegisterService(service(federationAPI, map[string]unary{"RefreshFederation": ok}), nil)
	s.RegisterService(service(regionAPI, map[string]unary{"GetPartialBundle": ok, "SyncAuthority": ok}), nil)
	a.m.server.InitializeMetrics(s)
	return s
}

// injected returns the error that GRPC_FAIL wants for this call, if any. Entries without a method concern agents only.
func (a *api) injected(full string) error {
	var concerned ratios
	method := full[strings.LastIndexByte(full, '/')+1:]
	for _, e := range a.c.GRPCFail {
		m, code, named := strings.Cut(e.name, ":")
		if !named {
			m, code = method, e.name
		}
		if m == method && (named || strings.HasPrefix(full, "/com.spirl.agent.")) {
			concerned = append(concerned, ratio{code, e.share})
		}
	}
	name := concerned.pick(rand.Float64())
	if name == "" {
		return nil
	}
	for c := codes.OK; c <= codes.Unauthenticated; c++ {
		if c.String() == name {
			return status.Error(c, causes[c])
		}
	}
	return status.Errorf(codes.Unknown, "GRPC_FAIL names the unknown code %q", name)
}

// causes are the server's own words for codes that GRPC_FAIL injects.
var causes = map[codes.Code]string{
	codes.Unknown:            "unexpected error",
	codes.InvalidArgument:    "required attribute is empty",
	codes.DeadlineExceeded:   "key manager did not answer in time",
	codes.NotFound:           "agent key is not registered",
	codes.PermissionDenied:   "workload is not allowed by policy",
	codes.ResourceExhausted:  "too many concurrent requests",
	codes.FailedPrecondition: "configuration not received yet",
	codes.Internal:           "signer returned an unexpected result",
	codes.Unavailable:        "server is draining",
	codes.Unauthenticated:    "session was rejected",
}

// unary puts the injected failures in, and logs every call that ends badly.
func (a *api) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	began := time.Now()
	t := newTrace()
	ctx = context.WithValue(ctx, trace{}, t)
	var resp any
	err := a.injected(info.FullMethod)
	if err == nil {
		resp, err = next(ctx, req)
	}
	name := "server.relay"
	if strings.HasPrefix(info.FullMethod, "/com.spirl.agent.") {
		name = "server.agentServer"
	}
	log, msg := a.l.named(name).Debug, "call.done"
	if err != nil {
		log, msg = a.l.named(name).Error, "call.fail"
	}
	log(a.l.say(msg), append(rpcFields(t, info.FullMethod, err), zap.Float64("grpc.time_ms", float64(time.Since(began).Microseconds())/1000), peerField(ctx))...)
	return resp, err
}

func rpcFields(t trace, full string, err error) []zap.Field {
	service, method, _ := strings.Cut(strings.TrimPrefix(full, "/"), "/")
	f := append(t.fields(), zap.String("grpc.component", "server"), zap.String("grpc.service", service),
		zap.String("grpc.method", method), zap.String("grpc.code", status.Code(err).String()))
	if err != nil {
		f = append(f, zap.String("error", status.Convert(err).Message()))
	}
	return f
}

func peerField(ctx context.Context) zap.Field {
	if p, ok := peer.FromContext(ctx); ok {
		return zap.String("peer.address", p.Addr.String())
	}
	return zap.Skip()
}

func traceOf(ctx context.Context) trace {
	t, _ := ctx.Value(trace{}).(trace)
	return t
}

func (a *api) newSession(ctx context.Context, req *structpb.Struct) (*structpb.Struct, error) {
	log, t := a.l.named("server.agentServer.session"), traceOf(ctx)
	agent := req.GetFields()["agent"].GetStringValue()
	if !a.ready.up["jwtKeyCache"].Load() {
		log.Warn(a.l.say("session.fail"), append(t.fields(), zap.String("agent_id", agent), zap.String("grpc.code", codes.FailedPrecondition.String()))...)
		return nil, status.Error(codes.FailedPrecondition, causes[codes.FailedPrecondition])
	}
	log.Info(a.l.say("session.new"), append(t.fields(), zap.String("agent_id", agent), zap.String("cluster_id", "c-"+a.c.DeploymentID[max(0, len(a.c.DeploymentID)-10):]))...)
	return fields(map[string]any{"session": a.sessions.issue(agent, sessionLife)}), nil
}

func (a *api) mint(ctx context.Context, svidType string, req *structpb.Struct) (*structpb.Struct, error) {
	if !a.ready.up["configCache"].Load() {
		return nil, status.Error(codes.FailedPrecondition, causes[codes.FailedPrecondition])
	}
	began := time.Now()
	id, svid, err := a.minter.mint(ctx, svidType, req)
	took := time.Since(began)
	code := "ok"
	log := a.l.named("server.agentServer")
	f := append(traceOf(ctx).fields(), zap.String("svid_type", svidType), zap.String("spiffe_id", id), zap.Duration("took", took))
	defer func() { a.m.mint(svidType, code, took); a.events.add() }()
	if took > 500*time.Millisecond {
		log.Warn(a.l.say("mint.slow"), f...)
	}
	var failed *mintError
	if errors.As(err, &failed) {
		code = failed.status
		log.Error(a.l.say("mint.fail"), append(f, zap.String("status_code", code), zap.Error(failed.err))...)
		return nil, status.Error(failed.code, failed.Error())
	}
	log.Info(a.l.say("mint.ok"), append(f, zap.String("status_code", code))...)
	return fields(map[string]any{"spiffe_id": id, "svid": base64.StdEncoding.EncodeToString(svid)}), nil
}

// watchBundles keeps a stream open as long as the agent wants it, which ends it with Canceled.
func (a *api) watchBundles(_ any, ss grpc.ServerStream) error {
	if err := ss.RecvMsg(&structpb.Struct{}); err != nil {
		return err
	}
	if err := a.injected("/" + agentAPI + "/WatchBundles"); err != nil {
		return err
	}
	for {
		if err := ss.SendMsg(fields(map[string]any{"trust_domain": a.c.TrustDomain})); err != nil {
			return err
		}
		select {
		case <-ss.Context().Done():
			return status.FromContextError(ss.Context().Err()).Err()
		case <-time.After(10 * time.Second):
		}
	}
}
