//! README.txt, the first file that whoever opens the zip reads.

use super::{checklist, counted, gaps, holdings, lacks, time};
use crate::bundle::{Fitted, Manifest};

/// What a copy from which lines were left out says of its logs.
const MARKERS: &str = "
In this copy a line such as the following stands for lines that were left out of a log: those of the
levels it counts, from its own time on until the one it names. What is between them and was kept
comes after it.

    2026-11-22T15:42:00.000000001Z {\"kubectl-escalate\":\"lines left out\",\"debug\":812,\"until\":\"2026-11-22T15:42:59.999999999Z\"}
";

/// What a bundle that completes another says of the states that it has twice.
const EARLIER: &str = "
The folder earlier has, under the same paths, what had another state when the first part of this was
collected.
";

/// What a smaller copy says of itself, ahead of all else.
fn copy(fitted: &Fitted) -> String {
    let size = |bytes: u64| bytesize::ByteSize(bytes).display().si();
    let count = |count: u64, what: &str| counted(usize::try_from(count).unwrap_or(usize::MAX), what);
    let files = (!fitted.files.is_empty()).then(|| counted(fitted.files.len(), "file"));
    let lines = (fitted.logs > 0).then(|| format!("{} lines of {}", fitted.lines.words(), count(fitted.logs, "log")));
    let lacks: Vec<String> = files.into_iter().chain(lines).collect();
    let lacks = if lacks.is_empty() { "nothing".to_owned() } else { lacks.join(", and ") };
    format!(
        "THIS IS A SMALLER COPY, made to be at most {} ({} bytes), of\n    {}\n    {}, sha256 {}\n\
         That one has {lacks} more; see \"What is missing\" below.\n",
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
    line("An incident of a Defakto trust domain server, as its cluster showed it".to_owned());
    line("=======================================================================".to_owned());
    line(String::new());
    if let Some(fitted) = &manifest.fitted {
        line(copy(fitted));
    }
    line(format!("trust domain  {}", manifest.trust_domain.clone().unwrap_or_else(unknown)));
    line(format!("deployment    {}", manifest.trust_domain_deployment.clone().unwrap_or_else(unknown)));
    line(format!("region        {}", manifest.region.clone().unwrap_or_else(unknown)));
    if let (Some(start), Some(end)) = (manifest.incident_start, manifest.incident_end) {
        let incident = if start == end { time(start) } else { format!("{} to {}", time(start), time(end)) };
        line(format!("incident      {incident}"));
    }
    line(format!("window        {} to {}", time(manifest.window_start), time(manifest.window_end)));
    line(format!("collected     {} by {} {}", time(manifest.started), manifest.tool, manifest.tool_version));
    line(format!("profile       {} {}", manifest.profile, manifest.profile_version));
    if let Some(ticket) = &manifest.ticket {
        line(format!("ticket        {ticket}"));
    }
    for cluster in &manifest.clusters {
        let version = cluster.version.clone().unwrap_or_else(unknown);
        let skew = cluster.clock_skew_ms.map(|skew| {
            let side = if skew < 0 { "behind" } else { "ahead of" };
            format!(", its clock {} ms {side} the collector's", skew.abs())
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
    text.push_str("\nWhat is in it\n-------------\n");
    text.push_str(&holdings(manifest));
    text.push_str(
        "\n
report.html                      all of it as a page: unpack the zip, then open it in a browser
report.md                        the same for a ticket's text field
findings.json                    what the profile's rules found, in the order in which to read it
facts.json                       what they are made of: levels, errors, pods, events, changes
clusters/<cluster>/namespaces/<namespace>/
    pods.txt, events.txt, …      as kubectl get -o wide prints them
    pods/<pod>/pod.yaml          the pod
    pods/<pod>/describe.txt      what kubectl describe prints of it, as of the collection
    pods/<pod>/logs/             a file a container; *.previous.log is the run before the last restart,
                                 *.<start>.log an earlier one that was followed,
                                 *.<UID>.log that of a pod that was deleted
    <resource>/<name>.yaml       every other object, with a <name>.describe.txt of its own
    <resource>.json              the same as a Table of the API server, redacted
clusters/<cluster>/metrics/      scrapes/: what the servers' /metrics answered during the collection;
                                 queries.txt: the PromQL, and what the answers of a Prometheus say;
                                 queries/: these answers; samples.openmetrics: what promtool loads;
                                 alerts.json, rules.json, targets.json: what it has of these about the servers
clusters/<cluster>/nodes/        the nodes that the pods ran on
notes/                           what the sender added
manifest.json                    every task and what became of it; every file, its hash and what it covers;
                                 \"containers\": which part of the window each container's logs cover, and why no more

Every log line begins with the node's timestamp. Error lines of all JSON logs, in order of time:

    cat clusters/*/namespaces/*/pods/*/logs/*.log | sort | cut -d' ' -f2- |
        jq -R 'fromjson? | select(.level == \"error\" or .level == \"warn\")'

Secrets were replaced by tokens such as <jws-signature:0123456789abcdef0123>. The same secret has the
same token all over this bundle, and in others made with the same redaction key.
",
    );
    if manifest.entries.iter().any(|entry| entry.path.starts_with("earlier/")) {
        text.push_str(EARLIER);
    }
    if manifest.fitted.as_ref().is_some_and(|fitted| fitted.logs > 0) {
        text.push_str(MARKERS);
    }
    text.push_str("\nWhat is missing\n---------------\n");
    let lacks = [lacks(manifest), gaps(manifest)].concat();
    if lacks.is_empty() {
        text.push_str("Nothing that was asked for.\n");
    }
    lacks.iter().for_each(|lack| text.push_str(&format!("- {lack}\n")));
    manifest.remarks.iter().for_each(|remark| text.push_str(&format!("- {remark}\n")));
    text
}
