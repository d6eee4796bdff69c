//! What a smaller copy of a large bundle costs in time and memory: run by hand, in a release build.

use super::{
    Noise, clean,
    fit_support::{Nobody, words},
    name, started, to,
};
use kubectl_escalate::bundle::{
    BundleReader, BundleWriter, Destination, Ended, Finished, Fit, Manifest, fit, layout, verify,
};
use std::{
    io::Read as _,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};
use tempfile::tempdir;

const MEGABYTE: u64 = 1_000_000;

/// A server's log as zap writes it: half of it debug lines, one in 50 an error, 30 minutes long.
struct Server {
    noise: Noise,
    /// Milliseconds since the window's start.
    at: u64,
    step: u64,
}

impl Server {
    fn line(&mut self, out: &mut Vec<u8>) {
        let n = self.noise.next();
        self.at += n % (2 * self.step + 1);
        let at = started() + chrono::TimeDelta::microseconds(i64::try_from(self.at).expect("within the window"));
        let (id, trace) = (self.noise.next(), self.noise.next());
        let text = match n % 50 {
            0 => format!(
                "\"level\":\"error\",\"ts\":{}.{:06},\"logger\":\"server.agentServer.session\",\"msg\":\"stream failed\",\"trace_id\":\"{id:016x}{trace:016x}\",\"error\":\"rpc error: code = Unavailable desc = connection error: desc = \\\"transport: Error while dialing: dial tcp 10.0.{}.{}:8443: connect: connection refused\\\"\"",
                at.timestamp(),
                self.at % 1_000_000,
                id % 256,
                trace % 256
            ),
            1..=3 => format!(
                "\"level\":\"warn\",\"ts\":{}.{:06},\"logger\":\"server.readyChecker\",\"msg\":\"Health check changed state\",\"check\":\"{}\",\"status\":\"down\",\"attempt\":{}",
                at.timestamp(),
                self.at % 1_000_000,
                ["bundleCache", "configCache", "agentServer", "jwtKeyCache"][(id % 4) as usize],
                trace % 100
            ),
            4..=24 => format!(
                "\"level\":\"info\",\"ts\":{}.{:06},\"logger\":\"server.agentServer\",\"msg\":\"Minted SVID\",\"trace_id\":\"{id:016x}{trace:016x}\",\"span_id\":\"{:016x}\",\"svid_type\":\"x509\",\"spiffe_id\":\"spiffe://example.org/ns/shop-{}/sa/checkout-{}\",\"took\":0.{:09},\"status_code\":\"ok\"",
                at.timestamp(),
                self.at % 1_000_000,
                id ^ trace,
                id % 41,
                trace % 97,
                id % 1_000_000
            ),
            _ => format!(
                "\"level\":\"debug\",\"ts\":{}.{:06},\"logger\":\"server.agentServer.session\",\"msg\":\"received message from agent\",\"agent\":\"node-{}\",\"session\":\"{id:016x}\",\"kind\":\"workload_update\",\"bytes\":{},\"queue\":{}",
                at.timestamp(),
                self.at % 1_000_000,
                trace % 97,
                id % 4096,
                trace % 13
            ),
        };
        out.extend_from_slice(
            format!("{} {{{text}}}\n", at.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)).as_bytes(),
        );
    }
}

/// A bundle whose logs have these sizes in megabytes.
fn large(folder: &Path, sizes: &[u64]) -> Finished {
    let bundle = BundleWriter::create(&to(folder), started()).expect("a bundle");
    for (n, size) in sizes.iter().enumerate() {
        let path = layout::pod_log("prod", "spirl", &format!("server-{n}"), "server", false);
        let mut entry = bundle.entry(path).expect("an entry");
        // Thirty minutes of lines of 290 bytes.
        let mut server = Server { noise: Noise(n as u64 + 1), at: 0, step: 1_800 * MEGABYTE * 290 / (size * MEGABYTE) };
        let mut left = size * MEGABYTE;
        while left > 0 {
            let mut chunk = Vec::new();
            while chunk.len() < 256 * 1024 {
                server.line(&mut chunk);
            }
            entry.write(&clean(&chunk)).expect("room");
            left = left.saturating_sub(chunk.len() as u64);
        }
        entry.finish().expect("room");
    }
    let minutes = chrono::TimeDelta::minutes;
    bundle
        .finish(&name(), |settled| {
            let mut manifest = Manifest::new(started(), started(), started() + minutes(30));
            manifest.incident_start = Some(started() + minutes(15));
            manifest.incident_end = manifest.incident_start;
            manifest.complete = true;
            manifest.ended = Ended::Finished;
            manifest.entries = settled.records();
            vec![(layout::manifest(), clean(manifest.to_json().expect("JSON")))]
        })
        .expect("a bundle")
}

/// Reads a bundle and writes it again; the time of that, without what makes bytes clean in between.
fn once(bundle: &Path, folder: &Path) -> Duration {
    let mut took = Duration::ZERO;
    let mut begun = Instant::now();
    let reader = BundleReader::open(bundle).expect("a bundle");
    let writer = BundleWriter::create(&to(folder), started()).expect("a bundle");
    let mut chunk = vec![0; 256 * 1024];
    for record in &reader.manifest().entries {
        let path = kubectl_escalate::bundle::EntryPath::new(&record.path).expect("a path");
        let mut from = reader.open_entry(&record.path).expect("an entry");
        let mut entry = writer.entry(path).expect("an entry");
        loop {
            let n = from.read(&mut chunk).expect("contents");
            took += begun.elapsed();
            let clean = clean(&chunk[..n]);
            begun = Instant::now();
            if n == 0 {
                break;
            }
            entry.write(&clean).expect("room");
        }
        entry.finish().expect("room");
    }
    let finished = super::finish(writer).expect("a bundle");
    took += begun.elapsed();
    std::fs::remove_file(finished.path).expect("the bundle");
    took
}

#[test]
#[ignore = "needs a release build and a minute: it writes and reads 500 MB of logs, many times"]
#[expect(clippy::print_stderr)]
fn a_copy_of_500_megabytes_of_logs() {
    let dir = tempdir().expect("a folder");
    for (what, sizes) in [("4 logs", &[50_u64, 100, 150, 200][..]), ("1 log", &[500][..])] {
        let bundle = large(dir.path(), sizes);
        let folder = tempdir().expect("a folder");
        eprintln!("{what}: {} bytes", bundle.bytes);
        for max in [1, 5, 20].map(|max| max * MEGABYTE) {
            // They take turns, for the machine's own speed wavers.
            let mut turns: Vec<(f64, Duration, Duration, String)> = (0..5)
                .map(|_| {
                    let once = once(&bundle.path, folder.path());
                    let (took, said) = child(&bundle.path, folder.path(), max);
                    (took.as_secs_f64() / once.as_secs_f64(), took, once, said)
                })
                .collect();
            turns.sort_by(|one, other| one.0.total_cmp(&other.0));
            let (ratio, took, once, said) = &turns[turns.len() / 2];
            eprintln!(
                "  to {max} bytes in {took:.2?}, {ratio:.2} (limit 2.0) of reading and writing once, {once:.2?}: {said}"
            );
        }
        std::fs::remove_file(&bundle.path).expect("the bundle");
    }
}

/// Makes a copy in a process of its own, and gives the time and what it said.
fn child(bundle: &Path, folder: &Path, max: u64) -> (Duration, String) {
    let out = Command::new(std::env::current_exe().expect("this program"))
        .args(["--ignored", "--exact", "--nocapture", "bundle::fit_speed::child_that_fits"])
        .env("FIT_BUNDLE", bundle)
        .env("FIT_FOLDER", folder)
        .env("FIT_MAX", max.to_string())
        .output()
        .expect("a child");
    let text = String::from_utf8_lossy(&out.stdout);
    let line = text.lines().find_map(|line| line.split_once("FIT ")).unwrap_or_else(|| panic!("{out:?}")).1;
    let (nanos, said) = line.split_once(' ').expect("two words");
    (Duration::from_nanos(nanos.parse().expect("a number")), said.to_owned())
}

#[test]
#[ignore = "run by a_copy_of_500_megabytes_of_logs"]
#[expect(clippy::print_stdout)]
fn child_that_fits() {
    let [bundle, folder, max] = ["FIT_BUNDLE", "FIT_FOLDER", "FIT_MAX"].map(std::env::var);
    let (Ok(bundle), Ok(folder), Ok(max)) = (bundle, folder, max) else { return };
    let max = max.parse().expect("a number");
    let begun = Instant::now();
    let to = Destination::of_copy(Path::new(&bundle), Some(Path::new(&folder))).expect("a place");
    let made = words(|words| fit(Path::new(&bundle), &to, max, words, &Nobody)).expect("a copy");
    let took = begun.elapsed();
    let status = std::fs::read_to_string("/proc/self/status").expect("its status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak").trim();
    let Fit::Made { finished, fitted } = made else { panic!("it was small enough") };
    assert!(finished.bytes <= max, "{} bytes", finished.bytes);
    assert!(verify(&finished.path).expect("a bundle").is_sound());
    std::fs::remove_file(&finished.path).expect("the copy");
    println!(
        "\nFIT {} {:.1} % of the bytes used, peak memory {peak}, left out {}",
        took.as_nanos(),
        finished.bytes as f64 * 100.0 / max as f64,
        fitted.lines.words(),
    );
}
