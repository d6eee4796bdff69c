package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

// agent is one client of the load generator. Its failures are the server's to report: it logs nothing.
type agent struct {
	c        *config
	sessions *sessions
	name     string
	conn     *grpc.ClientConn
	key      string
	session  string
	renew    time.Time
}

func startAgents(c *config, s *sessions) error {
	_, port, err := net.SplitHostPort(c.AgentAddr)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	for i := range c.Agents {
		conn, err := grpc.NewClient("127.0.0.1:"+port, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return err
		}
		a := &agent{c: c, sessions: s, name: fmt.Sprintf("agent-%02d", i), conn: conn, key: base64.StdEncoding.EncodeToString(der)}
		go a.mints()
		go a.watches()
	}
	return nil
}

func (a *agent) call(service, method string, req map[string]any) (*structpb.Struct, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	resp := &structpb.Struct{}
	err := a.conn.Invoke(ctx, "/"+service+"/"+method, fields(req), resp)
	return resp, err
}

func (a *agent) mints() {
	for n := 0; ; n++ {
		time.Sleep(time.Duration((0.8 + 0.4*mrand.Float64()) * float64(a.c.AgentInterval)))
		if a.session == "" || time.Now().After(a.renew) {
			resp, err := a.call(sessionAPI, "NewSession", map[string]any{"agent": a.name})
			if err != nil {
				continue
			}
			a.session, a.renew = resp.GetFields()["session"].GetStringValue(), time.Now().Add(10*time.Second)
		}
		method := "MintX509SVID"
		if n%4 == 3 {
			method = "MintJWTSVID"
		}
		if _, err := a.call(agentAPI, method, a.request()); status.Code(err) == codes.Unauthenticated {
			a.session = ""
		}
		if n%5 == 0 {
			healthpb.NewHealthClient(a.conn).Check(context.Background(), &healthpb.HealthCheckRequest{})
		}
	}
}

// request is a mint request, spoilt at the ratios of the reasons that are an agent's fault.
func (a *agent) request() map[string]any {
	attrs := map[string]any{"namespace": "payments", "service_account": "checkout", "pod": "checkout-" + hexID(5)}
	req := map[string]any{"session": a.session, "public_key": a.key, "attributes": attrs}
	var own ratios
	for _, e := range a.c.MintFail {
		if e.name != "signing_failed" && e.name != "attestation_failed" {
			own = append(own, e)
		}
	}
	switch own.pick(mrand.Float64()) {
	case "auth_failed":
		req["session"] = a.sessions.issue(a.name, -time.Minute)
	case "invalid_request":
		delete(req, "attributes")
	case "invalid_public_key":
		req["public_key"] = base64.StdEncoding.EncodeToString(new(big.Int).Rsh(big.NewInt(1<<40), 3).Bytes())
	case "template_error":
		delete(attrs, "service_account")
	}
	return req
}

// watches holds a bundle stream open and gives it up now and then, as an agent does when it reconnects.
func (a *agent) watches() {
	desc := &grpc.StreamDesc{ServerStreams: true}
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		stop := time.AfterFunc(15*time.Second, cancel)
		if s, err := a.conn.NewStream(ctx, desc, "/"+agentAPI+"/WatchBundles"); err == nil {
			if s.SendMsg(&structpb.Struct{}) == nil && s.CloseSend() == nil {
				for s.RecvMsg(&structpb.Struct{}) == nil {
				}
			}
		}
		stop.Stop()
		cancel()
		time.Sleep(time.Second)
	}
}
