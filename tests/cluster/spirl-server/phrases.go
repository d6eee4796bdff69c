package main

import "hash/fnv"

// phrases holds, for each message, the usual wording and others that say the same. The real server's words may change
// with any release, so a reader of the log must be able to do without them: with LOG_REWORD the wording is picked by
// seed, while logger names, fields and codes stay.
var phrases = map[string][]string{
	"start":            {"Starting trust domain server", "Server is coming up", "Booting", "Process launched"},
	"stop":             {"Shutting down", "Received stop request, draining", "Leaving"},
	"subsystem.start":  {"Subsystem started", "Component running", "Service is up"},
	"subsystem.fail":   {"Subsystem failed to start", "Could not bring up component", "Service did not come up", "Startup of component aborted"},
	"config.loaded":    {"Loaded configuration from cache", "Configuration restored from in-cluster snapshot", "Using stored configuration"},
	"config.pushed":    {"Applied configuration update", "New configuration revision in effect", "Resources updated"},
	"config.invalid":   {"Failed to load server configuration", "Configuration rejected", "Cannot parse settings", "Refusing to run with these settings"},
	"session.new":      {"Agent session established", "Opened session", "Agent accepted"},
	"session.fail":     {"Failed to establish agent session", "Agent turned away", "Session handshake did not succeed"},
	"mint.ok":          {"Minted SVID", "SVID issued", "Credential handed out"},
	"mint.fail":        {"Failed to mint SVID", "SVID not issued", "Could not serve mint request", "Issuance did not succeed"},
	"mint.slow":        {"Mint request took longer than expected", "Issuance is slow", "SVID took a while"},
	"call.done":        {"finished call", "RPC served", "Request handled"},
	"call.fail":        {"finished call with error", "RPC did not succeed", "Request could not be handled", "Call ended abnormally"},
	"attest.call":      {"Calling attestation extension", "Asking plugin for evidence", "Evidence requested"},
	"ingest.ok":        {"Delivered events", "Event batch accepted", "Flushed events upstream"},
	"ingest.fail":      {"Failed to send events to control plane, will retry", "Event batch not delivered", "Upstream did not take events; batch kept", "Could not hand over events"},
	"ingest.drop":      {"Event buffer full, dropping oldest events", "Discarding events", "Events lost: no room left"},
	"relay.up":         {"Relay connection established", "Linked to control plane", "Relay is up"},
	"region.ok":        {"Region authority bundle refreshed", "Authority state in step", "Partial bundles merged"},
	"region.fail":      {"Unable to assemble trust bundle", "Missing partial bundles", "Authority bundle incomplete"},
	"ready.report":     {"Health check status", "Readiness summary", "State of checks"},
	"ready.change":     {"Health check changed state", "Check flipped", "Transition of a check"},
	"cr.missing":       {"Cached resource not found", "No stored snapshot in cluster", "Nothing to restore from"},
	"cr.ok":            {"Stored resource snapshot", "Snapshot written", "Persisted cache entry"},
	"keys.fail":        {"JWT signing keys not loaded", "No session keys yet", "Session key material absent"},
	"jwks.fail":        {"JWKS cache not initialized", "External key sets not fetched", "Issuer key sets absent"},
	"federation.poll":  {"Polled federation endpoint", "Fetched foreign bundle", "Federated bundle up to date"},
	"resource.usage":   {"Resource usage", "Process footprint", "Memory and CPU sample"},
	"memory.high":      {"Session cache keeps growing", "Heap above expectation", "Cache size is unusual"},
	"panic.soon":       {"Unexpected state in session store", "Invariant violated", "Internal state is inconsistent"},
	"flood":            {"Attested workload attribute cache lookup", "Lookup in attribute cache", "Cache probe"},
	"burst.attr":       {"Attestation attributes received", "Workload attributes collected", "Selectors for workload"},
	"burst.stream":     {"Pushed bundle to agent stream", "Stream update sent", "Bundle delivered"},
	"burst.session":    {"Session token verified", "Token check passed", "Agent token still good"},
	"burst.template":   {"Evaluated path template", "Template rendered", "SPIFFE ID computed"},
	"payload":          {"Received resources payload", "Raw resources", "Resource dump"},
	"odd.bytes":        {"Workload attribute is not printable", "Unprintable attribute", "Odd bytes in attribute"},
	"control.refused":  {"Control plane stream closed", "Relay stream ended", "Upstream link dropped"},
	"template.warning": {"Attribute not attested", "Template refers to an absent attribute", "Attribute missing"},
}

type wording struct{ seed string }

// say returns the message for id in this run's wording.
func (w wording) say(id string) string {
	all, ok := phrases[id]
	if !ok {
		panic("no phrase " + id)
	}
	if w.seed == "" || len(all) == 1 {
		return all[0]
	}
	h := fnv.New32a()
	h.Write([]byte(w.seed + "\x00" + id))
	// Index 0 is the usual wording: a seed always means another one.
	return all[1+int(h.Sum32()>>8)%(len(all)-1)]
}
