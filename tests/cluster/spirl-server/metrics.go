package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	grpcprom "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

type metrics struct {
	registry     *prometheus.Registry
	server       *grpcprom.ServerMetrics
	client       *grpcprom.ClientMetrics
	mints        *prometheus.CounterVec
	latency      bool
	mintSeconds  *prometheus.HistogramVec
	serverTiming *prometheus.HistogramVec
	clientTiming *prometheus.HistogramVec
}

func newMetrics(c *config) *metrics {
	component := prometheus.Labels{
		"spirl_component":               "server",
		"spirl_trust_domain":            c.TrustDomain,
		"spirl_trust_domain_deployment": c.DeploymentName,
		"spirl_app_version":             c.Version,
	}
	// The provider's own histograms have no grpc_code label, so the timings are observed here.
	rpc := []string{"grpc_type", "grpc_service", "grpc_method", "grpc_code"}
	timing := func(name, help string, labels []string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.DefBuckets}, labels)
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		server:   grpcprom.NewServerMetrics(),
		client:   grpcprom.NewClientMetrics(),
		latency:  c.EmitLatencyMetrics,
		mints: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spirl_server_mint_svid_total", Help: "SVID mint operations by outcome.",
		}, []string{"svid_type", "status_code"}),
		mintSeconds:  timing("spirl_server_mint_svid_duration_seconds", "Duration of SVID mint operations.", []string{"svid_type", "status_code"}),
		serverTiming: timing("grpc_server_handling_seconds", "Response latency of RPCs handled by the server.", rpc),
		clientTiming: timing("grpc_client_handling_seconds", "Response latency of RPCs sent by the client.", rpc),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "spirl_application_info", Help: "What runs here."})
	info.Set(1)
	labelled := prometheus.WrapRegistererWith(component, m.registry)
	labelled.MustRegister(m.server, m.client, info)
	m.registry.MustRegister(m.mints, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if m.latency {
		labelled.MustRegister(m.serverTiming, m.clientTiming)
		m.registry.MustRegister(m.mintSeconds)
	}
	return m
}

func (m *metrics) mint(svidType, code string, took time.Duration) {
	m.mints.WithLabelValues(svidType, code).Inc()
	if m.latency {
		m.mintSeconds.WithLabelValues(svidType, code).Observe(took.Seconds())
	}
}

func observe(h *prometheus.HistogramVec, kind, full string, began time.Time, err error) {
	service, method, _ := strings.Cut(strings.TrimPrefix(full, "/"), "/")
	h.WithLabelValues(kind, service, method, status.Code(err).String()).Observe(time.Since(began).Seconds())
}

func (m *metrics) timeUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	began := time.Now()
	resp, err := next(ctx, req)
	observe(m.serverTiming, "unary", info.FullMethod, began, err)
	return resp, err
}

func (m *metrics) timeStream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	began := time.Now()
	err := next(srv, ss)
	observe(m.serverTiming, "server_stream", info.FullMethod, began, err)
	return err
}

func (m *metrics) timeClient(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	began := time.Now()
	err := call(ctx, method, req, reply, cc, opts...)
	observe(m.clientTiming, "unary", method, began, err)
	return err
}

func (m *metrics) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	return mux
}
