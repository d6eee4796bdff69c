//! Measures what the facts of logs cost: the processor's time of [`LogExtractor`] beside that of what has to be done with
//! a log anyhow, which is to redact, hash and compress it. Each log is taken several times, the two in turn, and the
//! least of each counts. The exit code is 1 if any share is over its limit. What the connection costs is not counted:
//! of a whole collection the share is smaller.
//!
//! `cargo bench --locked --bench facts`

#![allow(clippy::print_stdout, reason = "figures are what it is for")]

use chrono::{DateTime, TimeDelta, Utc};
use kubectl_escalate::{
    bundle::{BundleWriter, Destination, EntryPath},
    facts::logs::{LogExtractor, Patterns},
    findings,
    profile::Profile,
    redact::{Key, Redactor},
};
use std::{
    fmt::Write as _,
    hint::black_box,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

/// Of each log (bytes).
const SIZE: usize = 24 << 20;
/// As the API server sends them (bytes).
const CHUNK: usize = 64 << 10;
const RUNS: usize = 5;

/// A log, by how many of a thousand lines are errors, and how many are of info; the others are of debug. With it the
/// largest share of our own time for it, that of the facts included.
const LOGS: [(&str, u64, u64, f64); 4] = [
    ("info alone", 0, 1000, 0.25),
    ("debug left on", 10, 100, 0.25),
    ("a tenth are errors", 100, 900, 0.25),
    // Each line is parsed.
    ("errors alone", 1000, 0, 0.6),
];

fn main() -> ExitCode {
    let profile = Profile::built_in("trust-domain-server", &kubectl_escalate::collectors::optional())
        .expect("a profile that comes with the program");
    let patterns = Arc::new(Patterns::new(findings::patterns(&profile)));
    let mut is_over = false;
    for (what, errors, info, limit) in LOGS {
        let log = log(errors, info);
        let (mut anyhow, mut facts) = (Duration::MAX, Duration::MAX);
        for _ in 0..RUNS {
            let (one, other) = measure(&log, &patterns);
            (anyhow, facts) = (anyhow.min(one), facts.min(other));
        }
        let share = facts.as_secs_f64() / (anyhow + facts).as_secs_f64();
        let over = share > limit;
        is_over |= over;
        let rate = |took: Duration| SIZE as f64 / 1e6 / took.as_secs_f64();
        println!(
            "{what:<20} redacted and written {:6.0} MB/s, facts {:6.0} MB/s, share {share:.2} at most {limit} {}",
            rate(anyhow),
            rate(facts),
            if over { "OVER" } else { "ok" }
        );
    }
    if is_over { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// How long it takes to redact and write a log, and to take its facts.
fn measure(log: &[u8], patterns: &Arc<Patterns>) -> (Duration, Duration) {
    let folder = tempfile::tempdir().expect("a folder");
    let to = Destination::from_arg(Some(&folder.path().join("bundle.zip"))).expect("a place");
    let bundle = BundleWriter::create(&to, Utc::now()).expect("a bundle");
    let mut entry = bundle.entry(EntryPath::new("a.log").expect("a path")).expect("an entry");
    let mut redact = Redactor::new(&Key::from_bytes(&[7; 32]).expect("a key")).stream();
    let mut extract = LogExtractor::new(patterns, Some(moment(0) + TimeDelta::minutes(1)));
    let (mut anyhow, mut facts) = (Duration::ZERO, Duration::ZERO);
    for chunk in log.chunks(CHUNK) {
        let began = Instant::now();
        let clean = redact.push(chunk);
        entry.write(&clean).expect("room");
        let written = Instant::now();
        extract.push(&clean);
        facts += written.elapsed();
        anyhow += written - began;
    }
    let began = Instant::now();
    black_box(extract.finish());
    facts += began.elapsed();
    bundle.abandon();
    (anyhow, facts)
}

fn moment(millisecond: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::milliseconds(millisecond)
}

/// Lines as a server writes them, stamped as the node does.
fn log(errors: u64, info: u64) -> Vec<u8> {
    let mut random = Random(1);
    let mut log = String::with_capacity(SIZE + (2 << 10));
    for line in 0.. {
        if log.len() >= SIZE {
            break;
        }
        let stamp = moment(line).format("%Y-%m-%dT%H:%M:%S%.9fZ");
        let kind = random.below(1000);
        let (level, message) = match kind {
            kind if kind < errors => ("error", "Failed to mint the SVID"),
            kind if kind < errors + info => ("info", "SVID minted"),
            _ => ("debug", "Evaluated path template"),
        };
        let (trace, span, account) = (random.hex(32), random.hex(16), random.below(40));
        let _ = write!(
            log,
            r#"{stamp} {{"level":"{level}","ts":{}.{:06},"logger":"server.agentServer","msg":"{message}","seq":{line},"trace_id":"{trace}","span_id":"{span}","spiffe_id":"spiffe://example.org/ns/payments/sa/checkout-{account}","peer.address":"10.1.{}.{}:{}""#,
            1_764_000_000 + line / 1000,
            line % 1000 * 1000,
            random.below(256),
            random.below(256),
            30_000 + random.below(30_000),
        );
        log.push_str(match level {
            "error" => r#","svid_type":"x509","status_code":"attestation_failed","error":"extension \"evidence\": 403 Forbidden""#,
            "info" => r#","grpc.service":"com.spirl.agent.v1.agent.API","grpc.method":"MintX509SVID","grpc.code":"OK","grpc.time_ms":4.2"#,
            _ => r#","template":"/ns/{{.namespace}}/sa/{{.service_account}}","took":0.000417"#,
        });
        log.push_str("}\n");
    }
    log.into_bytes()
}

/// Numbers that look random, and are the same in each run (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    fn hex(&mut self, length: usize) -> String {
        let mut hex = format!("{:016x}{:016x}", self.next(), self.next());
        hex.truncate(length);
        hex
    }
}
