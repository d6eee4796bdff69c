package main

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alexliesenfeld/health"
	"go.uber.org/zap"
)

var checkNames = []string{"configCache", "bundleCache", "agentServer", "jwtKeyCache", "jwksCache"}

// checkReport is what the log shows of one check.
type checkReport struct {
	Status          health.AvailabilityStatus
	ContiguousFails uint
	LastSuccessAt   time.Time
	LastFailureAt   time.Time
}

// readyChecker feeds the probes and the log from the state of the subsystems.
type readyChecker struct {
	l       *logs
	log     *zap.Logger
	up      map[string]*atomic.Bool
	checker health.Checker
	mu      sync.Mutex
	state   map[string]checkReport
}

func newReadyChecker(l *logs) *readyChecker {
	r := &readyChecker{l: l, log: l.named("server.readyChecker"), up: map[string]*atomic.Bool{}, state: map[string]checkReport{}}
	opts := []health.CheckerOption{health.WithInterceptors(r.record)}
	for _, name := range checkNames {
		up := &atomic.Bool{}
		r.up[name] = up
		opts = append(opts, health.WithPeriodicCheck(time.Second, 0, health.Check{
			Name: name,
			Check: func(context.Context) error {
				if !up.Load() {
					return errors.New("not initialized")
				}
				return nil
			},
			StatusListener: func(_ context.Context, name string, s health.CheckState) {
				r.log.Info(l.say("ready.change"), zap.String("check", name), zap.String("status", string(s.Status)))
			},
		}))
	}
	r.checker = health.NewChecker(opts...)
	return r
}

// record keeps the last state of each check: the library hands it out only here.
func (r *readyChecker) record(next health.InterceptorFunc) health.InterceptorFunc {
	return func(ctx context.Context, name string, s health.CheckState) health.CheckState {
		s = next(ctx, name, s)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.state[name] = checkReport{s.Status, s.ContiguousFails, s.LastSuccessAt.UTC(), s.LastFailureAt.UTC()}
		return s
	}
}

func (r *readyChecker) set(name string, up bool) { r.up[name].Store(up) }

func (r *readyChecker) ready() bool {
	return r.checker.Check(context.Background()).Status == health.StatusUp
}

func (r *readyChecker) report() {
	r.mu.Lock()
	checks := maps.Clone(r.state)
	r.mu.Unlock()
	status := r.checker.Check(context.Background()).Status
	log := r.log.Info
	if status != health.StatusUp {
		log = r.log.Warn
	}
	log(r.l.say("ready.report"), zap.String("status", string(status)), zap.Any("checks", checks))
}

func (r *readyChecker) run(every time.Duration) {
	// The checks take up to a second to follow the start; the first line should show what stays down.
	time.Sleep(2 * time.Second)
	for {
		r.report()
		time.Sleep(every)
	}
}

func (r *readyChecker) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/ready", health.NewHandler(r.checker))
	mux.HandleFunc("/live", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	return mux
}

// holdDown is what a check held down by READY_DOWN keeps logging, in the words of the subsystem that blocks it.
func holdDown(l *logs, name string) {
	say := map[string]func(){
		"configCache": func() {
			l.named("server.crbackend").Error(l.say("cr.missing"), zap.String("resource", "configuration"),
				zap.Error(errors.New(`datas.data.spirl.com "configuration" not found`)))
		},
		"bundleCache": func() {
			l.named("server.regionAuthorityCache").Error(l.say("region.fail"), zap.Int("partial_bundles", 1), zap.Int("expected", 3),
				zap.Error(errors.New("partial bundle of deployment eu-prod-2 is missing")))
		},
		"jwtKeyCache": func() {
			l.named("server.subsystems").Error(l.say("keys.fail"), zap.String("subsystem", "jwtKeyCache"),
				zap.Error(errors.New("keyset has no active key")))
		},
		"jwksCache": func() {
			l.named("server.subsystems").Error(l.say("jwks.fail"), zap.String("subsystem", "jwksCache"),
				zap.Error(errors.New("Get \"https://oidc.example.org/openid/v1/jwks\": context deadline exceeded")))
		},
		"agentServer": func() {
			l.named("server.subsystems").Error(l.say("subsystem.fail"), zap.String("subsystem", "agentServer"),
				zap.Error(errors.New("waiting for listener: context deadline exceeded")))
		},
	}[name]
	if say == nil {
		return
	}
	for {
		say()
		time.Sleep(5 * time.Second)
	}
}
