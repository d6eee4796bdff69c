package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	mrand "math/rand/v2"
	"net/http"
	"net/url"
	"text/template"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"
)

// mintError carries the status_code of the metric and the gRPC code that the agent sees.
type mintError struct {
	status string
	code   codes.Code
	err    error
}

func (e *mintError) Error() string { return e.status + ": " + e.err.Error() }

var mintCodes = map[string]codes.Code{
	"attestation_failed": codes.PermissionDenied,
	"auth_failed":        codes.Unauthenticated,
	"invalid_public_key": codes.InvalidArgument,
	"invalid_request":    codes.InvalidArgument,
	"signing_failed":     codes.Internal,
	"template_error":     codes.InvalidArgument,
}

func failMint(status string, err error) *mintError { return &mintError{status, mintCodes[status], err} }

func share(r ratios, name string) float64 {
	for _, e := range r {
		if e.name == name {
			return e.share
		}
	}
	return 0
}

// keyManager stands for the remote one: its Sign fails at the ratio of signing_failed.
type keyManager struct {
	crypto.Signer
	fail float64
}

func (k keyManager) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if mrand.Float64() < k.fail {
		return nil, fmt.Errorf("operation error KMS: Sign, https response error StatusCode: 400, RequestID: %s-%s, AccessDeniedException: not authorized to perform: kms:Sign on resource: arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", hexID(8), hexID(4))
	}
	return k.Signer.Sign(r, digest, opts)
}

// minter issues SVIDs: session, request, attestation, key, template and signature, each of which can fail.
type minter struct {
	c        *config
	sessions *sessions
	ca       *x509.Certificate
	key      keyManager
	path     *template.Template
	http     *http.Client
}

func newMinter(c *config, s *sessions) (*minter, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: c.TrustDomain}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(7 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign, URIs: []*url.URL{{Scheme: "spiffe", Host: c.TrustDomain}},
	}
	path := template.Must(template.New("path").Option("missingkey=error").Parse("/ns/{{.namespace}}/sa/{{.service_account}}"))
	return &minter{c: c, sessions: s, ca: ca, key: keyManager{key, share(c.MintFail, "signing_failed")}, path: path,
		http: &http.Client{Timeout: 5 * time.Second}}, nil
}

// mint answers one request; the SPIFFE ID comes back also when the signature fails, for the log.
func (m *minter) mint(ctx context.Context, svidType string, req *structpb.Struct) (id string, svid []byte, err error) {
	f := req.GetFields()
	if e := m.sessions.check(f["session"].GetStringValue()); e != nil {
		return "", nil, failMint("auth_failed", e)
	}
	attrs := f["attributes"].GetStructValue()
	if attrs == nil {
		return "", nil, failMint("invalid_request", errors.New("request has no attestation result"))
	}
	if m.c.MintDelay > 0 {
		// Between half and one and a half times the delay, so that a histogram shows a spread.
		time.Sleep(time.Duration((0.5 + mrand.Float64()) * float64(m.c.MintDelay)))
	}
	if e := m.attest(ctx); e != nil {
		return "", nil, failMint("attestation_failed", e)
	}
	var pub any
	if svidType == "x509" {
		der, _ := base64.StdEncoding.DecodeString(f["public_key"].GetStringValue())
		if pub, err = x509.ParsePKIXPublicKey(der); err != nil {
			return "", nil, failMint("invalid_public_key", err)
		}
	}
	var path bytes.Buffer
	if e := m.path.Execute(&path, attrs.AsMap()); e != nil {
		return "", nil, failMint("template_error", e)
	}
	uri := &url.URL{Scheme: "spiffe", Host: m.c.TrustDomain, Path: path.String()}
	if svidType == "jwt" {
		digest := sha256.Sum256([]byte(uri.String()))
		svid, err = m.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	} else {
		leaf := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), URIs: []*url.URL{uri}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
		svid, err = x509.CreateCertificate(rand.Reader, leaf, m.ca, pub, m.key)
	}
	if err != nil {
		return uri.String(), nil, failMint("signing_failed", err)
	}
	return uri.String(), svid, nil
}

// attest asks the extension, a real HTTP service on loopback.
func (m *minter) attest(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+m.c.ExtensionAddr+"/attest", nil)
	if err != nil {
		return err
	}
	resp, err := m.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("extension %q: %s: %s", "workload-evidence", resp.Status, bytes.TrimSpace(body))
	}
	return nil
}

func extension(c *config) http.Handler {
	fail := share(c.MintFail, "attestation_failed")
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if mrand.Float64() < fail {
			http.Error(w, "workload image is not in the inventory", http.StatusForbidden)
			return
		}
		w.WriteHeader(http.StatusOK)
	})
}
