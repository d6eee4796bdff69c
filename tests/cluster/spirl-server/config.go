package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// config is every setting of the server. Each field is read from the environment variable in its tag;
// a flag of the same name in lower case with dashes (MINT_FAIL becomes -mint-fail) overrides it.
type config struct {
	TrustDomain        string        `env:"TRUST_DOMAIN" default:"example.org" help:"trust domain name"`
	DeploymentName     string        `env:"DEPLOYMENT_NAME" default:"eu-prod-1" help:"name of the trust domain deployment"`
	DeploymentID       string        `env:"DEPLOYMENT_ID" default:"tdd-0000000000" help:"id of the trust domain deployment"`
	Version            string        `env:"APP_VERSION" default:"0.40.0" help:"version reported in metrics and logs"`
	EmitLatencyMetrics bool          `env:"EMIT_LATENCY_METRICS" help:"fill the latency histograms"`
	Debug              bool          `env:"SPIRL_LOG_DEBUG" help:"log at debug level"`
	AgentAddr          string        `env:"AGENT_ADDR" default:":8443" help:"listener for agents"`
	RelayAddr          string        `env:"RELAY_ADDR" default:"127.0.0.1:8444" help:"listener for calls from the control plane"`
	ControlPlaneAddr   string        `env:"CONTROL_PLANE_ADDR" default:"127.0.0.1:8445" help:"where the control plane answers"`
	ExtensionAddr      string        `env:"EXTENSION_ADDR" default:"127.0.0.1:8446" help:"where the attestation extension answers"`
	ProxyURL           string        `env:"PROXY_URL" help:"accepted, and not used: every call stays on loopback"`
	HealthAddr         string        `env:"HEALTH_ADDR" default:":8086" help:"listener for probes"`
	MetricsAddr        string        `env:"METRICS_ADDR" default:":9090" help:"listener for metrics; empty: off"`
	Agents             int           `env:"AGENTS" default:"3" help:"number of agents of the load generator; 0: idle"`
	AgentInterval      time.Duration `env:"AGENT_INTERVAL" default:"1s" help:"time between two mints of one agent"`
	ControlInterval    time.Duration `env:"CONTROL_INTERVAL" default:"3s" help:"time between two rounds of control plane calls"`

	MintFail         ratios        `env:"MINT_FAIL" help:"status_code=ratio[,...]: share of mints made to fail for that reason"`
	GRPCFail         ratios        `env:"GRPC_FAIL" help:"[Method:]Code=ratio[,...]: share of calls answered with that gRPC code"`
	ControlPlaneAway bool          `env:"CONTROL_PLANE_AWAY" help:"no control plane listens: connections are refused"`
	MintDelay        time.Duration `env:"MINT_DELAY" help:"sleep in every mint"`
	CPUBurn          int           `env:"CPU_BURN" help:"goroutines that burn CPU"`
	MemoryGrow       int           `env:"MEMORY_GROW_MIB_PER_S" help:"memory leaked per second, in MiB"`
	ExitCode         int           `env:"EXIT_CODE" help:"fail on the configuration at start with this exit code"`
	CrashAfter       time.Duration `env:"CRASH_AFTER" help:"panic this long after the start"`
	CrashOnceFile    string        `env:"CRASH_ONCE_FILE" help:"panic only if this file is absent, and create it"`
	TerminationMsg   string        `env:"TERMINATION_MESSAGE" help:"written to the termination log before a crash"`
	TerminationLog   string        `env:"TERMINATION_LOG" default:"/dev/termination-log" help:"the termination log's path"`
	PortTaken        bool          `env:"PORT_TAKEN" help:"something else already listens on the agent port"`
	ReadyDown        names         `env:"READY_DOWN" help:"ready checks held down, by comma"`
	ReadyLogInterval time.Duration `env:"READY_LOG_INTERVAL" default:"10s" help:"time between two readyChecker lines"`

	Reword        string        `env:"LOG_REWORD" help:"seed that picks other wordings for the log messages"`
	FloodRate     float64       `env:"LOG_FLOOD_MB_PER_MINUTE" help:"steady rate of numbered log lines, in 10^6 bytes"`
	BurstMB       float64       `env:"LOG_BURST_MB" help:"log written at once at start, in 10^6 bytes"`
	LongLineMiB   float64       `env:"LOG_LONG_LINE_MIB" help:"size of one very long log line"`
	LongLineEvery time.Duration `env:"LOG_LONG_LINE_EVERY" default:"8s" help:"time between two long lines; 0: only one"`
	NonUTF8       bool          `env:"LOG_NON_UTF8" help:"some log lines hold bytes that are not UTF-8"`
	CRLF          bool          `env:"LOG_CRLF" help:"log lines end in CR LF"`
	ANSI          bool          `env:"LOG_ANSI" help:"some log lines are coloured"`
	Console       bool          `env:"LOG_CONSOLE" help:"some log lines are text with a stack below"`
	OCSF          bool          `env:"LOG_OCSF" help:"OCSF events on the same stream"`
	Noise         time.Duration `env:"LOG_NOISE_EVERY" default:"2s" help:"time between two odd lines of the five settings above and of the planted ones"`
	PlantSecrets  string        `env:"PLANT_SECRETS" help:"base64 of {\"stdout\":[...],\"stderr\":[...]}: lines printed as they are"`
	PlantFile     string        `env:"PLANT_SECRETS_FILE" help:"file with the same, not encoded"`
}

// ratios is an ordered list of name=share.
type ratios []ratio

type ratio struct {
	name  string
	share float64
}

type names []string

func (n names) has(s string) bool {
	for _, x := range n {
		if x == s {
			return true
		}
	}
	return false
}

// pick returns the name that the random number x in [0,1) falls on, or "".
func (r ratios) pick(x float64) string {
	for _, e := range r {
		if x < e.share {
			return e.name
		}
		x -= e.share
	}
	return ""
}

// setting makes one field of the configuration a flag.Value.
type setting struct{ v reflect.Value }

func (s setting) String() string { return "" }

func (s setting) IsBoolFlag() bool { return s.v.IsValid() && s.v.Kind() == reflect.Bool }

func (s setting) Set(t string) (err error) {
	switch p := s.v.Addr().Interface().(type) {
	case *string:
		*p = t
	case *bool:
		*p, err = strconv.ParseBool(t)
	case *int:
		*p, err = strconv.Atoi(t)
	case *float64:
		*p, err = strconv.ParseFloat(t, 64)
	case *time.Duration:
		*p, err = time.ParseDuration(t)
	case *names:
		*p = strings.Split(t, ",")
	case *ratios:
		*p = nil
		for _, part := range strings.Split(t, ",") {
			name, share, ok := strings.Cut(strings.TrimSpace(part), "=")
			x, perr := strconv.ParseFloat(share, 64)
			if !ok || perr != nil {
				return fmt.Errorf("%q is not name=share", part)
			}
			*p = append(*p, ratio{name, x})
		}
	default:
		return fmt.Errorf("setting of type %T", p)
	}
	return err
}

func loadConfig(args []string, getenv func(string) string) (*config, error) {
	c := &config{}
	fs := flag.NewFlagSet("spirl-server", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		key, s := tag.Get("env"), setting{v.Field(i)}
		text := tag.Get("default")
		if e := getenv(key); e != "" {
			text = e
		}
		if text != "" {
			if err := s.Set(text); err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
		}
		fs.Var(s, strings.ReplaceAll(strings.ToLower(key), "_", "-"), tag.Get("help"))
	}
	if err := fs.Parse(args); err != nil {
		if err == flag.ErrHelp {
			fs.SetOutput(os.Stderr)
			fs.PrintDefaults()
		}
		return nil, err
	}
	return c, nil
}
