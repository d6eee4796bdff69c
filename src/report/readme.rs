//! Owns README.txt, the first file to read in a bundle: what it is, the checklist, the contents, what is missing.

use super::{checklist, contents, gaps, missing};
use crate::{
    bundle::{Fitted, Manifest},
    text::{counted, utc},
};

/// Explains the markers in the logs of a smaller copy.
const MARKERS: &str = "
In this copy, a line such as the one below stands for lines that were left out of a log: how many of
each level, from its own time until the time in it. Lines of that span that were kept follow it.

    2026-11-22T15:42:00.000000001Z {\"kubectl-escalate\":\"lines left out\",\"debug\":812,\"until\":\"2026-11-22T15:42:59.999999999Z\"}
";

/// Explains the folder `earlier` of a bundle that completes another.
const EARLIER: &str = "
The folder earlier has files whose content has changed since the first part of this bundle was
collected, as they were then, under the same paths.
";

/// The first lines of a smaller copy.
fn copy(fitted: &Fitted) -> String {
    let size = |bytes: u64| bytesize::ByteSize(bytes).display().si();
    let files = (!fitted.files.is_empty()).then(|| counted(fitted.files.len() as u64, "file"));
    let lines = (fitted.logs > 0).then(|| format!("{} lines of {}", fitted.lines.words(), counted(fitted.logs, "log")));
    let left_out: Vec<String> = files.into_iter().chain(lines).collect();
    let left_out = if left_out.is_empty() { "nothing".to_owned() } else { left_out.join(", and ") };
    format!(
        "THIS IS A SMALLER COPY, limited to {} ({} bytes), of\n    {}\n    {}, sha256 {}\n\
         The full bundle also has {left_out}; see \"What is missing\" below.\n",
        size(fitted.max_bytes),
        fitted.max_bytes,
        fitted.bundle,
        size(fitted.bytes),
        fitted.sha256,
    )
}

/// The text of README.txt.
#[must_use]
pub fn readme(manifest: &Manifest) -> String {
    let unknown = || "unknown".to_owned();
    let mut text = String::new();
    let mut line = |words: String| {
        text.push_str(&words);
        text.push('\n');
    };
    line("Evidence of an incident of a Defakto trust domain server".to_owned());
    line("========================================================".to_owned());
    line(String::new());
    if let Some(fitted) = &manifest.fitted {
        line(copy(fitted));
    }
    line(format!("trust domain  {}", manifest.trust_domain.clone().unwrap_or_else(unknown)));
    line(format!("deployment    {}", manifest.trust_domain_deployment.clone().unwrap_or_else(unknown)));
    line(format!("region        {}", manifest.region.clone().unwrap_or_else(unknown)));
    if let (Some(start), Some(end)) = (manifest.incident_start, manifest.incident_end) {
        let incident = if start == end { utc(start) } else { format!("{} to {}", utc(start), utc(end)) };
        line(format!("incident      {incident}"));
    }
    line(format!("window        {} to {}", utc(manifest.window_start), utc(manifest.window_end)));
    line(format!("collected     {} by {} {}", utc(manifest.started), manifest.tool, manifest.tool_version));
    line(format!("profile       {} {}", manifest.profile, manifest.profile_version));
    if let Some(ticket) = &manifest.ticket {
        line(format!("ticket        {ticket}"));
    }
    for cluster in &manifest.clusters {
        let version = cluster.version.clone().unwrap_or_else(unknown);
        let skew = cluster.clock_skew_ms.map(|skew| {
            let side = if skew < 0 { "behind" } else { "ahead of" };
            format!(", clock {} ms {side} the collector's", skew.abs())
        });
        let skew = skew.unwrap_or_default();
        line(format!("cluster       {} (Kubernetes {version}{skew}): {}", cluster.name, cluster.namespaces.join(", ")));
        if let Some(causes) = &cluster.error {
            line(format!("              not reached: {}", causes.join(": ")));
        }
    }
    line(String::new());
    line("What support asks for".to_owned());
    line("---------------------".to_owned());
    checklist(manifest, &mut text);
    text.push_str("\nContents\n--------\n");
    text.push_str(&contents(manifest));
    text.push_str(
        "\n
report.html                      the report as a page: unpack the zip, then open it in a browser
report.md                        the report for a ticket's text field
findings.json                    what the profile's rules found, root cause first
facts.json                       the data behind the findings: log levels, errors, pods, events, changes
clusters/<cluster>/namespaces/<namespace>/
    pods.txt, events.txt, …      tables, as kubectl get -o wide prints them
    pods/<pod>/pod.yaml          the pod
    pods/<pod>/describe.txt      as kubectl describe prints it, at the time of the collection
    pods/<pod>/logs/             one file per container; *.previous.log is the run before the last restart,
                                 *.<start>.log an earlier run that was followed,
                                 *.<UID>.log a run of a pod that was deleted
    <resource>/<name>.yaml       every other object, each with its <name>.describe.txt
    <resource>.json              the same objects as the API server's Table, redacted
clusters/<cluster>/metrics/      scrapes/: the servers' /metrics, at the time of the collection;
                                 queries.txt: the PromQL, and what each answer shows;
                                 queries/: the answers; samples.openmetrics: the samples, for promtool;
                                 alerts.json, rules.json, targets.json: what Prometheus has about the servers
clusters/<cluster>/nodes/        the nodes that the pods ran on
notes/                           the sender's notes and attachments
manifest.json                    every task and its outcome; every file, its hash and what it covers;
                                 \"containers\": which part of the window each container's logs cover, and why

Every log line starts with the node's timestamp. To list the error lines of all JSON logs by time:

    cat clusters/*/namespaces/*/pods/*/logs/*.log | sort | cut -d' ' -f2- |
        jq -R 'fromjson? | select(.level == \"error\" or .level == \"warn\")'

Secrets are replaced by tokens such as <jws-signature:0123456789abcdef0123>. The same secret has the
same token everywhere in this bundle, and in other bundles made with the same redaction key.
",
    );
    if manifest.entries.iter().any(|entry| entry.path.starts_with("earlier/")) {
        text.push_str(EARLIER);
    }
    if manifest.fitted.as_ref().is_some_and(|fitted| fitted.logs > 0) {
        text.push_str(MARKERS);
    }
    text.push_str("\nWhat is missing\n---------------\n");
    let missing = [missing(manifest), gaps(manifest)].concat();
    if missing.is_empty() {
        text.push_str("Nothing that was requested.\n");
    }
    missing.iter().for_each(|line| text.push_str(&format!("- {line}\n")));
    manifest.remarks.iter().for_each(|remark| text.push_str(&format!("- {remark}\n")));
    text
}
