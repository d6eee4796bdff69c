//! Everything that needs no root and no cluster, a file for each room. `tests/run` runs these and
//! then those that need a Kubernetes.

mod support;

mod bundle;
mod cli;
mod collect;
mod coverage;
mod demo;
mod describe;
mod exit;
mod exposition;
mod findings;
mod kubelet_log;
mod language;
mod log_facts;
#[cfg(unix)]
mod login;
mod object_series;
mod objects;
mod plan;
mod planner;
mod profile;
mod promql;
mod recordings;
mod redact;
mod reference;
mod replay;
mod report;
mod snapshots;
mod source;
mod tidy;
mod verdict;
mod window;
mod yaml;
